"""Making a new revision of a release: the same rows, less those that are taken down.

The rows come from the files of the release itself, so that those that stay are the same ones, in
the same order and the same splits. A data file without any row that goes is part of the new
revision as it is. The others are written under new names, since clients may keep files for ever.
Whom to credit isn't in the files of most releases; the snapshot of the stage has it, which the
release's tag keeps.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.schema import Schema

from app.releases.counts.frequent import by_count, counts_of
from app.releases.counts.release import ReleaseCounts
from app.releases.descriptions.datasheet import Datasheet
from app.releases.files.data_files import encoder_of
from app.releases.files.folder import counted, versions, write_descriptions
from app.releases.files.published_rows import PublishedFile, in_one_format, rows_of, schema_of
from app.releases.left_out import LeftOut
from app.releases.manifest import Manifest, ReleaseFile
from app.releases.recipe import Format
from app.releases.rows.optional_fields import arrow_schema
from app.releases.rows.pairs import OTHER_ID, PREFERENCE_SOURCE
from app.releases.takedowns.rewriting import revised_path, rewrite
from app.releases.takedowns.taken_rows import TakenRows
from app.state.checksums import sha256_of
from catalog.reading.membership import NO_IDS
from catalog.schema import ID
from catalog.storage.durability import DurableFile

ContributionsOf = Callable[[pa.Array], Iterable[pa.RecordBatch]]
"""Returns rows of the release's stage by their contribution_ids, which are ascending."""


def write_revision(
    folder: Path,
    manifest: Manifest,
    files: Sequence[PublishedFile],
    taken: TakenRows,
    contributions_of: ContributionsOf,
    datasheet: Datasheet,
) -> Manifest:
    """Write the files by which a new revision differs from the one before.

    Args:
        folder: An empty folder.
        manifest: The manifest of the revision before.
        files: The data files of that revision.
        taken: What is to go.
        contributions_of: Reads the stage of the release; not called for a raw one.
        datasheet: What the operator answers to the questions of a datasheet.

    Returns:
        The manifest of the new revision.
    """
    revision, schema = manifest.revision + 1, schema_of(manifest)
    left = list(_left_files(folder, revision, taken.of_files(files)))
    if not left:
        left = [_empty(folder, file, revision, schema) for file in _firsts(files)]
    rows = in_one_format(left)
    counts, sources = _count(manifest, rows, schema, contributions_of)
    splits = Counter[str]()
    for each in rows:
        splits[each.file.split] += each.file.rows
    kept = sorted((each.file for each in left), key=lambda file: file.path)
    paths = {file.path for file in kept}
    gone = [file.path for file in manifest.files if file.path not in paths]
    revised = replace(
        manifest,
        revision=revision,
        taken_down=manifest.taken_down + taken.rows,
        withdrawn=[*manifest.withdrawn, *gone],
        rows=splits.total(),
        files=kept,
        file_count=len(kept),
        splits={split: splits[split] for split in manifest.splits},
        sources=by_count(sources),
        versions=versions(),
        reasons=[_without_example(each, taken.examples) for each in manifest.reasons],
        examples={
            reason: example
            for reason, example in manifest.examples.items()
            if reason not in taken.examples
        },
        **counted(counts, manifest.stage, manifest.form, manifest.masked),
    )
    write_descriptions(folder, revised, schema, counts.tally, datasheet)
    return revised


def _left_files(
    folder: Path, revision: int, masked: Iterable[tuple[PublishedFile, pa.Array]]
) -> Iterator[PublishedFile]:
    """Yield the data files of the new revision, and write those that change."""
    for each, mask in masked:
        if not mask.true_count:
            yield each
        elif mask.true_count < len(mask):
            yield PublishedFile.local(rewrite(each, folder, revision, mask), folder)


def _firsts(files: Iterable[PublishedFile]) -> list[ReleaseFile]:
    """Return the first file of each format: a release without rows has empty files of `train`."""
    firsts: dict[str, ReleaseFile] = {}
    for each in files:
        firsts.setdefault(each.file.format, each.file)
    return list(firsts.values())


def _empty(folder: Path, like: ReleaseFile, revision: int, schema: Schema) -> PublishedFile:
    form: Format = "parquet" if like.format == "parquet" else "jsonl"
    path = revised_path(f"{form}/train-00000.{form}", revision)
    with DurableFile(folder / path) as file:
        encoder_of(form, file, arrow_schema(schema)).close()
    size, sha256 = (folder / path).stat().st_size, sha256_of(folder / path)
    return PublishedFile.local(ReleaseFile(path, 0, size, sha256, form), folder)


def _count(
    manifest: Manifest,
    files: Sequence[PublishedFile],
    schema: Schema,
    contributions_of: ContributionsOf,
) -> tuple[ReleaseCounts, Counter[str]]:
    """Return the counts of all rows, and the number of rows by what a preference is known from."""
    counts, sources, ids = ReleaseCounts(), Counter[str](), [NO_IDS]
    for rows in rows_of(files, schema):
        if manifest.stage == "raw":
            counts.add(rows, _with_contributors(rows))
            continue
        counts.add_rows(rows)
        ids += [rows[name] for name in (ID, OTHER_ID) if name in rows.schema.names]
        if PREFERENCE_SOURCE in rows.schema.names:
            sources.update(counts_of(rows[PREFERENCE_SOURCE]))
    if manifest.stage != "raw":
        wanted = pc.unique(pa.concat_arrays(ids).drop_null()).sort()
        for contributions in contributions_of(wanted):
            counts.tally.add(contributions)
    return counts, sources


def _with_contributors(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return raw rows with their contributors, whom releases from before `contributor_id` lack."""
    if "contributor_id" in rows.schema.names:
        return rows
    return rows.append_column("contributor_id", pa.nulls(rows.num_rows, pa.large_string()))


def _without_example(reason: LeftOut, examples: frozenset[str]) -> LeftOut:
    if reason.reason not in examples:
        return reason
    return replace(reason, example=None, is_example_real=False)
