"""Writing the folder of a release: its data files and the files that describe them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyiceberg.schema import Schema

from app.releases.counts.frequent import by_count
from app.releases.counts.release import ReleaseCounts
from app.releases.counts.tally import ReleaseTally
from app.releases.credits import CREDITS_FILE, encode_credits
from app.releases.descriptions.card import (
    CARD_FILE,
    describe_release,
    encode_card,
    encode_lines_card,
    lines_card_path,
)
from app.releases.descriptions.croissant import CROISSANT_FILE, encode_croissant
from app.releases.descriptions.datasheet import NO_DATASHEET, Datasheet
from app.releases.descriptions.examples import find_examples
from app.releases.files.data_files import FILE_BYTES, open_data_files
from app.releases.left_out import NO_PREFERENCE, in_order, reasons_of
from app.releases.manifest import (
    MANIFEST_FILE,
    SUMS_FILE,
    Manifest,
    ReleaseFile,
    encode_manifest,
    encode_sums,
)
from app.releases.recipe import Recipe
from app.releases.rows.filters import ReleaseFilters
from app.releases.rows.forms import rows_of
from app.releases.rows.optional_fields import arrow_schema, filled_fields_only
from app.releases.rows.splits import divide
from app.releases.source import ReleaseSource
from app.state.checksums import sha256_of
from app.version import VERSION
from catalog.snapshots import Snapshot
from catalog.stages.tables import MASK_KINDS, Stage
from catalog.storage.durability import DurableFile

_PROGRAMS: Final = ("pyarrow", "pyiceberg", "pyicu-wheels")


@dataclass(frozen=True, slots=True)
class _Written:
    """The data files of a release, and counts of their rows.

    Attributes:
        schema: Iceberg schema of the rows.
        files: The data files, by path.
        splits: Number of rows by split.
        dropped: Number of contributions that were left out, by reason.
        sources: Number of rows by what a preference is known from; empty for conversations.
        counts: Counts of the rows, and of the contributions that they come from.
    """

    schema: Schema
    files: list[ReleaseFile]
    splits: dict[str, int]
    dropped: dict[str, int]
    sources: Mapping[str, int]
    counts: ReleaseCounts


def write_release(
    folder: Path,
    recipe: Recipe,
    snapshot: Snapshot,
    source: ReleaseSource,
    advance: Callable[[int], None],
    file_bytes: int = FILE_BYTES,
    datasheet: Datasheet = NO_DATASHEET,
) -> Manifest:
    """Write the folder of a release. No byte of it depends on the clock or on the path.

    The name of the release is in the manifest, the cards, the credits and `croissant.json`, but not
    in the data files: two releases that differ in their name alone have the same data files.

    Args:
        folder: An empty folder.
        recipe: The parameters of the release.
        snapshot: Snapshot of the contributions.
        source: The rows, before the release filters them.
        advance: Called after each batch with the number of its rows.
        file_bytes: Size in bytes at which a data file is full.
        datasheet: What the operator answers to the questions of a datasheet.

    Returns:
        The manifest of the release.
    """
    written = _write_rows(folder, recipe, source, advance, file_bytes)
    manifest = _manifest(recipe, snapshot, source, written)
    write_descriptions(folder, manifest, written.schema, written.counts.tally, datasheet)
    return manifest


def _write_rows(
    folder: Path,
    recipe: Recipe,
    source: ReleaseSource,
    advance: Callable[[int], None],
    file_bytes: int,
) -> _Written:
    filters, counts, made = ReleaseFilters(recipe), ReleaseCounts(), rows_of(recipe, source.schema)
    unused = 0

    def convert() -> Iterator[pa.RecordBatch]:
        nonlocal unused
        for batch in source.batches:
            kept = filters.apply(batch)
            unused += kept.num_rows
            for rows, contributions in made.convert(kept):
                counts.add(rows, contributions)
                unused -= contributions.num_rows
                yield rows
            advance(batch.num_rows)

    folder.mkdir(parents=True, exist_ok=True)
    with (
        filled_fields_only(made.schema, convert(), folder) as (schema, batches),
        open_data_files(folder, arrow_schema(schema), recipe.formats, file_bytes) as data,
    ):
        for batch in batches:
            if batch.num_rows:
                data.write(divide(batch, made.split_prompts(batch), recipe.test_percent))
        files = data.finish()
    dropped = {**source.dropped, **filters.dropped, **({NO_PREFERENCE: unused} if unused else {})}
    splits = {str(split): rows for split, rows in data.rows.items()}
    return _Written(schema, files, splits, dropped, made.sources, counts)


def _manifest(
    recipe: Recipe, snapshot: Snapshot, source: ReleaseSource, written: _Written
) -> Manifest:
    examples = find_examples(source.tables) if recipe.has_examples else {}
    beginnings = {reason: example.beginning for reason, example in examples.items()}
    reasons = reasons_of(recipe, source.reasons, beginnings)
    masks = () if recipe.stage == "raw" else MASK_KINDS
    return Manifest(
        name=recipe.name,
        stage=recipe.stage,
        snapshot_id=str(snapshot.snapshot_id),
        sequence_number=snapshot.sequence_number,
        committed_at=snapshot.committed_at,
        licence=recipe.licence,
        rows=sum(written.splits.values()),
        file_count=len(written.files),
        files=written.files,
        schema=written.schema.model_dump(mode="json", by_alias=True),
        versions=versions(),
        rules=dict(source.rules),
        stage_snapshots={
            ".".join(table.name()): str(snapshot_id) for table, snapshot_id in source.tables
        },
        parameters=recipe.parameters(),
        splits=written.splits,
        dropped=in_order(written.dropped, reasons),
        form=recipe.form,
        sources=by_count(written.sources),
        reasons=reasons,
        evaluation_sets=list(source.evaluation_sets),
        examples={reason: example.contribution_id for reason, example in examples.items()},
        **counted(written.counts, recipe.stage, recipe.form, masks),
    )


def versions() -> dict[str, str]:
    """Return the versions of the programs that write releases, by name."""
    return {"chatlake": VERSION, **{name: version(name) for name in _PROGRAMS}}


def counted(counts: ReleaseCounts, stage: Stage, form: str, masks: Iterable[str]) -> dict[str, Any]:
    """Return what a manifest tells of all rows and contributions, by its fields.

    Args:
        counts: Counts of them.
        stage: Stage of the release.
        form: Form of the release.
        masks: The kinds of masks whose number is told.
    """
    tally = counts.tally
    return {
        "languages": by_count(tally.languages),
        "masked": {kind: tally.masked[kind] for kind in masks},
        "credited": len(tally.credits()),
        "anonymous": tally.anonymous,
        "contributions": None if form == "conversations" else tally.contributions,
        "licences": by_count(tally.licences.counts),
        "statistics": counts.statistics(is_raw=stage == "raw"),
        "quality_scores": dict(sorted(tally.quality_scores.items())),
        "flagged": by_count(tally.flagged),
        "medians": counts.medians(),
    }


def write_descriptions(
    folder: Path, manifest: Manifest, schema: Schema, tally: ReleaseTally, datasheet: Datasheet
) -> None:
    """Write the files that describe a release, and the sums of all its files.

    Args:
        folder: Where they are written.
        manifest: The manifest of the release.
        schema: Schema of its rows.
        tally: Counts of its contributions.
        datasheet: What the operator answers to the questions of a datasheet.
    """
    pages = {
        CARD_FILE: encode_card(manifest, schema, datasheet),
        CREDITS_FILE: encode_credits(manifest.name, tally.credits(), tally.anonymous),
        CROISSANT_FILE: encode_croissant(manifest, schema, describe_release(manifest), datasheet),
        MANIFEST_FILE: encode_manifest(manifest),
    }
    lines_card = lines_card_path(manifest)
    if lines_card:
        pages[lines_card] = encode_lines_card(manifest, schema)
    sums = {file.path: file.sha256 for file in manifest.files}
    for path, content in pages.items():
        with DurableFile(folder / path) as file:
            file.write(content)
        sums[path] = sha256_of(folder / path)
    with DurableFile(folder / SUMS_FILE) as file:
        file.write(encode_sums(sums))
