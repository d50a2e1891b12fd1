"""Building `curated`: decided over all rows at once, and written for the chunks that changed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from app.curation.pipeline.chunks import RECEIVED_AT, Chunk
from app.curation.pipeline.records import ChunkRecord
from app.curation.pipeline.writer import RowProgress, StageWriter
from app.curation.rules.interface import REASON, Decisions, Outcomes, StageRules
from catalog.reading.membership import values_of, without
from catalog.schema import ID
from catalog.stages.reader import StageReader
from catalog.stages.tables import (
    COMPUTED_STAGES,
    DECIDED_FROM_PROPERTY,
    DROPPED_ARROW_SCHEMA,
    PROMPT_GROUP,
)

_SCHEMA: Final = COMPUTED_STAGES["curated"].arrow_schema


def decide_rows(cleaned: StageReader, rules: StageRules, known: Outcomes) -> Decisions:
    """Decide which rows of `cleaned` are dropped, and the prompt groups of the others.

    Args:
        cleaned: Reads the rows of `cleaned`.
        rules: The rules to decide by.
        known: The outcomes of an earlier build.
    """

    def read_texts(ids: Sequence[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return cleaned.rows(columns, ids=ids)

    return rules.decide(cleaned.rows(rules.facts), read_texts, known)


def decided_from(cleaned: Mapping[datetime, ChunkRecord]) -> dict[str, str]:
    """Return the property of a snapshot of `curated` that tells what it was decided from.

    Args:
        cleaned: The chunks of `cleaned` by their starts, ascending. Their digests tell all that
            decisions depend on, also the versions of the rules.
    """
    chunks = "\n".join(f"{start.isoformat()} {record.digest}" for start, record in cleaned.items())
    return {DECIDED_FROM_PROPERTY: hashlib.sha256(chunks.encode()).hexdigest()}


@dataclass(frozen=True, slots=True)
class DecidedChunks:
    """What is decided of the rows of each chunk.

    Attributes:
        decisions: What is decided of all rows.
        ends: The time at which each chunk ends by its start, ascending; None for the last.
    """

    decisions: Decisions
    ends: Mapping[datetime, datetime | None]

    @classmethod
    def of(cls, decisions: Decisions, chunks: Sequence[Chunk]) -> Self:
        """Return what is decided of all chunks of a snapshot, oldest first."""
        starts = [chunk.start for chunk in chunks]
        return cls(decisions, dict(zip(starts, [*starts[1:], None], strict=False)))

    def __getitem__(self, start: datetime) -> pa.Table:
        """Return what is decided of the chunk with this start, a table of `DECISIONS_SCHEMA`."""
        return self.decisions.between(start, self.ends[start])


def curated_digests(
    cleaned: Mapping[datetime, ChunkRecord], decided: DecidedChunks
) -> dict[datetime, str]:
    """Return a digest for each chunk of what its rows of `curated` are made from.

    Args:
        cleaned: The chunks of `cleaned` by their starts.
        decided: What is decided of the rows of each chunk.
    """
    return {
        start: hashlib.sha256(f"{record.digest} {_contents(decided[start])}".encode()).hexdigest()
        for start, record in cleaned.items()
    }


def write_chunks(
    writer: StageWriter,
    cleaned: StageReader,
    chunks: Sequence[Chunk],
    changed: Mapping[datetime, str | None],
    decided: DecidedChunks | None,
    progress: RowProgress,
) -> None:
    """Write the rows of the chunks that changed, for the writer to commit.

    Args:
        writer: Writes chunks of `curated`.
        cleaned: Reads the rows of `cleaned`.
        chunks: All chunks of the snapshot that `cleaned` was computed from.
        changed: The chunks to write by their starts, with their digests; None for a chunk that
            isn't one any more.
        decided: What is decided of the rows of each chunk; None if no chunk changed.
        progress: Called with numbers of raw rows that are done.
    """
    for chunk in chunks:
        if decided and chunk.start in changed:
            _write(writer, cleaned, chunk, decided[chunk.start])
        progress(chunk.raw_rows)


def _write(writer: StageWriter, cleaned: StageReader, chunk: Chunk, decided: pa.Table) -> None:
    is_dropped = pc.is_valid(decided[REASON])
    dropped, groups = decided.filter(is_dropped), decided.filter(pc.invert(is_dropped))
    dropped_ids = dropped[ID].combine_chunks().sort()
    names = [name for name in _SCHEMA.names if name != PROMPT_GROUP]
    batches = cleaned.rows(names, between=(chunk.start, chunk.end))
    kept = (_with_groups(without(batch, dropped_ids), groups) for batch in batches)
    dropped = dropped.select(DROPPED_ARROW_SCHEMA.names).cast(DROPPED_ARROW_SCHEMA)
    writer.write(chunk.start, kept, dropped)


def _with_groups(batch: pa.RecordBatch, groups: pa.Table) -> pa.RecordBatch:
    """Return rows of `cleaned` with the columns of `curated`."""
    of_rows = values_of(batch[ID], groups, PROMPT_GROUP)
    return batch.append_column(PROMPT_GROUP, of_rows).select(_SCHEMA.names)


def _contents(decided: pa.Table) -> str:
    # Without the time, which is in the id: converting it takes longer than all others.
    return str(decided.drop_columns([RECEIVED_AT]).to_pydict())
