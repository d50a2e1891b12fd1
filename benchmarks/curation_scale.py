"""Measures what deciding costs in a large lake, from nothing and for one more row.

The rows of `cleaned` are made up and written as if they had been cleaned, since cleaning millions
of rows would take hours. Their bands are drawn so that near duplicates share some of them.
"""

import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import _contributions
import _lake
import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from _curate import append, curate
from numpy.typing import NDArray

from app.curation.pipeline.chunks import Chunk, ExcludedIds, survey
from app.curation.pipeline.cleaned import QUERY, cleaned_digest
from app.curation.pipeline.records import ChunkRecords
from app.curation.pipeline.writer import StageWriter
from app.curation.rules.curating import prompts
from app.curation.rules.curating.duplicates import minhash
from app.curation.rules.standard import standard_rules
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.reading.membership import NO_IDS
from catalog.schema import ARROW_SCHEMA
from catalog.stages.tables import (
    COMPUTED_STAGES,
    DROPPED_ARROW_SCHEMA,
    MASK_KINDS,
    SOURCE_SNAPSHOT_PROPERTY,
)
from catalog.table import append_batch, load_table
from catalog.writing.staging import StagedFiles

_CLEANED: Final = COMPUTED_STAGES["cleaned"].arrow_schema
_FIRST_DAY: Final = date(2026, 1, 1)
_ROWS_IN_GROUP: Final = 16_384
_ROWS_A_CONTRIBUTOR: Final = 20
_SENTENCES: Final = 20_000
_SENTENCE_WORDS: Final = 4
_PROMPT_SENTENCES: Final = 3
_ANSWER_SENTENCES: Final = 10
_NEAR: Final = 0.2
"""Share of rows that are an earlier one of the day with another sentence in the answer."""
_EQUAL: Final = 0.02
"""Share of rows that equal an earlier one."""
_ALIKE_PROMPT: Final = 0.05
"""Share of rows whose prompt is an earlier one with a word added."""
_REACH: Final = 1_000
"""An earlier row is one of so many before."""
_SHARED_BAND: Final = 0.4
"""Chance that a near duplicate shares a band."""

Ints = NDArray[np.int64]


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Conversations of 0.3 kB.")
@click.option("--days", default=120, show_default=True, help="Days that they came in.")
@click.option("--home", type=click.Path(path_type=Path), help="Where the lake is kept.")
@click.option("--only-make", is_flag=True, help="Make the lake, and measure nothing.")
def main(rows: int, days: int, home: Path | None, *, only_make: bool) -> None:
    """Make a lake, decide from nothing and after one more row, and print what each build took."""
    with tempfile.TemporaryDirectory() as scratch:
        lake = home or Path(scratch) / "lake"
        if not lake.exists():
            _make(lake, rows, days)
        if only_make:
            return
        print(f"{'':16} {'seconds':>8} {'processor':>10} {'MiB':>6} {'kept':>9}")
        for name in ("from nothing", "nothing new", "one more", "another"):
            if name in {"one more", "another"}:
                texts = [
                    "How is a lake filled?",
                    f"A river brings water, and {name} spring does too.",
                ]
                append(lake, [_contributions.of_texts(texts, _last_moment(days))])
            build = curate(lake)
            print(
                f"{name:16} {build.seconds:8.1f} {build.cpu_seconds:10.1f} "
                f"{build.peak_bytes / 2**20:6.0f} {build.rows:9}",
                flush=True,
            )


def _last_moment(days: int) -> datetime:
    midnight = datetime.combine(_FIRST_DAY, datetime.min.time(), UTC)
    return midnight + timedelta(days=days, seconds=-1)


def _make(home: Path, rows: int, days: int) -> None:
    """Make a lake with rows of the raw table and of `cleaned`."""
    services = _lake.make(home)
    table = load_table(services.catalog)
    batch_id = uuid4()
    staged = StagedFiles(table, batch_id)
    for day in range(days):
        of_day = _Day.made(day, rows // days).raw()
        for start in range(0, of_day.num_rows, _ROWS_IN_GROUP):
            staged.write(of_day.slice(start, _ROWS_IN_GROUP))
    append_batch(table, batch_id, [], staged.finish())
    services.jobs.committer().reconcile()
    _write_cleaned(services, rows // days)
    services.close()


def _write_cleaned(services: Services, rows_a_day: int) -> None:
    table = load_table(services.catalog)
    snapshot = services.reading.snapshots.find(Reference())
    rules = standard_rules(services.curation.evaluation_sets.load())
    replaced = services.reading.replaced.as_of(SnapshotView(table, snapshot))
    chunks = list(survey(table, snapshot, ExcludedIds(replaced, NO_IDS), QUERY))
    digests = {chunk.start: cleaned_digest(chunk.digest, rules) for chunk in chunks}
    with StageWriter(services.catalog, "cleaned", ChunkRecords(services.database)) as writer:
        for day in sorted({chunk.start.date() for chunk in chunks}):
            of_day = [chunk for chunk in chunks if chunk.start.date() == day]
            made = _Day.made((day - _FIRST_DAY).days, rows_a_day)
            rows = made.cleaned(snapshot.sequence_number)
            for chunk, begin in zip(of_day, _starts(of_day), strict=True):
                part = rows.slice(begin, chunk.rows).to_batches()
                writer.write(chunk.start, part, DROPPED_ARROW_SCHEMA.empty_table())
        properties = {SOURCE_SNAPSHOT_PROPERTY: str(snapshot.snapshot_id)}
        writer.commit(properties, digests, {chunk.start: chunk.rows for chunk in chunks})


def _starts(chunks: list[Chunk]) -> list[int]:
    """Return the index of the first row of each chunk of a day."""
    return [0, *accumulate(chunk.rows for chunk in chunks[:-1])]


@dataclass(frozen=True, slots=True)
class _Day:
    """The rows of a day, as numbers that texts are made from.

    Attributes:
        chance: Draws what differs between the raw table and `cleaned` from nothing.
        ids: The ids, ascending.
        times: The times of receipt in microseconds.
        prompts: The sentences of each prompt.
        answers: The sentences of each answer.
        has_addition: Whether a word is added to the prompt.
        hashes: 32 bytes for each content.
        bands: The bands of each row.
        prompt_hashes: The hash of each prompt.
        prompt_bands: The bands of each prompt.
    """

    number: int
    ids: pa.Array
    times: Ints
    contributors: pa.Array
    prompts: Ints
    answers: Ints
    has_addition: NDArray[np.bool_]
    hashes: NDArray[np.uint8]
    bands: Ints
    prompt_hashes: Ints
    prompt_bands: Ints

    @classmethod
    def made(cls, day: int, number: int) -> "_Day":
        """Make a day up, the same each time."""
        chance = np.random.default_rng(day)
        begin = datetime.combine(_FIRST_DAY + timedelta(days=day), datetime.min.time(), UTC)
        milliseconds = int(begin.timestamp() * 1000) + np.arange(number) * (80_000_000 // number)
        ends = chance.integers(0, 2**62, number)
        ids = [
            str(UUID(int=moment << 80 | 0x7 << 76 | 0b10 << 62 | end))
            for moment, end in zip(milliseconds.tolist(), ends.tolist(), strict=True)
        ]
        prompt_sentences = chance.integers(0, _SENTENCES, (number, _PROMPT_SENTENCES))
        answer_sentences = chance.integers(0, _SENTENCES, (number, _ANSWER_SENTENCES))
        hashes = chance.integers(0, 256, (number, 32), np.uint8)
        bands = _drawn(chance, (number, minhash.BANDS))
        prompt_hashes = _drawn(chance, (number,))
        prompt_bands = _drawn(chance, (number, prompts.BANDS))
        has_addition = np.zeros(number, np.bool_)
        kind = chance.random(number)
        earlier = np.arange(number) - chance.integers(1, _REACH, number)
        is_copy = (kind < _NEAR + _EQUAL + _ALIKE_PROMPT) & (earlier >= 0)
        is_copy &= ~is_copy[earlier.clip(0)]
        rows, of = np.flatnonzero(is_copy), earlier[is_copy]
        prompt_sentences[rows] = prompt_sentences[of]
        is_alike = kind[rows] >= _NEAR + _EQUAL
        has_addition[rows[is_alike]] = True
        same = rows[~is_alike], of[~is_alike]
        prompt_hashes[same[0]], prompt_bands[same[0]] = (
            prompt_hashes[same[1]],
            prompt_bands[same[1]],
        )
        answer_sentences[same[0], 1:] = answer_sentences[same[1], 1:]
        some = rows[is_alike], of[is_alike]
        is_shared = chance.random((len(some[0]), prompts.BANDS)) < _SHARED_BAND
        prompt_bands[some[0]] = np.where(is_shared, prompt_bands[some[1]], prompt_bands[some[0]])
        is_shared = chance.random((len(same[0]), minhash.BANDS)) < _SHARED_BAND
        bands[same[0]] = np.where(is_shared, bands[same[1]], bands[same[0]])
        is_equal = kind[rows] < _EQUAL
        hashes[rows[is_equal]] = hashes[of[is_equal]]
        who = chance.integers(0, max(number // _ROWS_A_CONTRIBUTOR, 1), number)
        names = pa.array([f"contributor {name}" for name in who.tolist()], pa.large_string())
        return cls(
            number,
            pa.array(ids, pa.large_string()),
            milliseconds * 1000,
            names,
            prompt_sentences,
            answer_sentences,
            has_addition,
            hashes,
            bands,
            prompt_hashes,
            prompt_bands,
        )

    def raw(self) -> pa.Table:
        """Return the rows of the raw table."""
        return self._table(ARROW_SCHEMA, {"conversation_id": self.ids})

    def cleaned(self, sequence_number: int) -> pa.Table:
        """Return the rows of `cleaned`."""
        signals = _CLEANED.field("signals").type
        words = _SENTENCE_WORDS * (_PROMPT_SENTENCES + _ANSWER_SENTENCES)
        masked = _CLEANED.field("masked").type
        prompt = _CLEANED.field("prompt").type
        return self._table(
            _CLEANED,
            {
                "language": _repeated("en", self.number),
                "language_confidence": _repeated(1.0, self.number),
                "masked": pa.repeat(pa.scalar(dict.fromkeys(MASK_KINDS, 0), masked), self.number),
                "signals": pa.repeat(
                    pa.scalar({field.name: 0 for field in signals} | {"words": words}, signals),
                    self.number,
                ),
                "bands": _lists(self.bands, _CLEANED.field("bands").type),
                "prompt": pa.StructArray.from_arrays(
                    [
                        pa.array(self.prompt_hashes),
                        _lists(self.prompt_bands, prompt.field("bands").type),
                    ],
                    fields=list(prompt),
                ),
                "sequence_number": _repeated(sequence_number, self.number),
            },
        )

    def _table(self, schema: pa.Schema, columns: dict[str, pa.Array]) -> pa.Table:
        digits = self.hashes.tobytes().hex()
        known = {
            "contribution_id": self.ids,
            "received_at": pa.array(self.times, pa.int64()),
            "agent_id": _repeated("benchmark", self.number),
            "source": _repeated("benchmark", self.number),
            "contributor_id": self.contributors,
            "conversation": self._conversations(schema.field("conversation").type),
            "content_hash": pa.array(
                [digits[place : place + 64] for place in range(0, len(digits), 64)]
            ),
            **columns,
        }
        return pa.Table.from_arrays(
            [
                known[field.name].cast(field.type)
                if field.name in known
                else pa.nulls(self.number, field.type)
                for field in schema
            ],
            schema=schema,
        )

    def _conversations(self, kind: pa.LargeListType) -> pa.Array:
        turn = kind.value_type
        prompts_said = _joined(self.prompts)
        added = pc.binary_join_element_wise(
            prompts_said, *(pa.scalar(text, pa.large_string()) for text in ("indeed", " "))
        )
        prompts_said = pc.if_else(pa.array(self.has_addition), added, prompts_said)
        contents = pa.concat_arrays([prompts_said, _joined(self.answers)]).take(
            pa.array(np.arange(2 * self.number).reshape(2, -1).T.ravel())
        )
        roles = pa.array(["user", "assistant"] * self.number, pa.large_string())
        known = {
            "content": contents,
            "role": roles,
            "stopped": _repeated(False, 2 * self.number),
        }
        turns = pa.StructArray.from_arrays(
            [
                known.get(field.name, pa.nulls(2 * self.number, field.type)).cast(field.type)
                for field in turn
            ],
            fields=list(turn),
        )
        offsets = pa.array(np.arange(0, 2 * self.number + 1, 2), pa.int64())
        return pa.LargeListArray.from_arrays(offsets, turns, type=kind)


def _repeated(value: Any, number: int) -> pa.Array:
    return pa.repeat(value, number)


def _drawn(chance: np.random.Generator, shape: tuple[int, ...]) -> Ints:
    return chance.integers(-(2**63), 2**63 - 1, shape)


def _lists(values: Ints, kind: pa.LargeListType) -> pa.Array:
    offsets = pa.array(np.arange(0, values.size + 1, values.shape[1]), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, pa.array(values.ravel()), type=kind)


@cache
def _sentences() -> pa.Array:
    chance = np.random.default_rng(1)
    letters = np.array(list("etaoinshrdlu"))
    words = ["".join(chance.choice(letters, chance.integers(3, 9))) for _ in range(5_000)]
    drawn = chance.integers(0, len(words), (_SENTENCES, _SENTENCE_WORDS))
    return pa.array(
        [" ".join(words[word] for word in row) for row in drawn.tolist()], pa.large_string()
    )


def _joined(sentences: Ints) -> pa.Array:
    columns = [_sentences().take(pa.array(column)) for column in sentences.T]
    return pc.binary_join_element_wise(*columns, pa.scalar(" ", pa.large_string()))


if __name__ == "__main__":
    main()
