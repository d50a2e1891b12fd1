"""The stages: whether the records of their chunks are of the rows that the tables have."""

from collections.abc import Iterator
from typing import Final

from app.curation.pipeline.records import BUILD_LOCK, ChunkRecords
from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding
from catalog.reading.counts import newest_rows
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from catalog.wording import counted

_BUILD: Final = "scripts/lake curate"


def check_stages(lake: ExaminedLake) -> Iterator[Finding]:
    """Compare the rows that the chunks of each stage record with those of its tables."""
    if lake.database.lock(BUILD_LOCK).is_taken():
        # A build replaces records and rows one after the other.
        return
    records = ChunkRecords(lake.database)
    for stage, tables in COMPUTED_STAGES.items():
        chunks = records.of(stage).values()
        if not chunks:
            # Nothing is stated: the next build computes every chunk.
            continue
        unknown = sum(not chunk.is_known for chunk in chunks)
        if unknown:
            yield _out_of_date(stage, unknown)
            continue
        stated = {
            tables.rows: sum(chunk.rows for chunk in chunks),
            tables.dropped: sum(sum(chunk.dropped.values()) for chunk in chunks),
        }
        for name, rows in stated.items():
            found = newest_rows(load_table(lake.catalog, name))
            if found != rows:
                has = counted(found, "row")
                what = f"{name} has {has}, and the records of its chunks state {rows}"
                yield Finding(
                    check="stages",
                    severity="error",
                    what=what,
                    mend=f"delete the rows of stage_chunks for {stage}, then {_BUILD}: every "
                    "chunk is computed again",
                )


def _out_of_date(stage: str, chunks: int) -> Finding:
    return Finding(
        check="stages",
        severity="warning",
        what=f"{counted(chunks, 'chunk')} of {stage} must be computed again, since a build was cut "
        "off or a migration asks for it",
        mend=_BUILD,
    )
