"""Outcomes and languages of a map's rows, which the stages after the map's own tell."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import pyarrow as pa
from pyiceberg.catalog import Catalog

from app.curation.rules.interface import REASON
from app.maps.texts import LANGUAGE, OUTCOME
from catalog.reading.membership import values_of
from catalog.schema import ID
from catalog.snapshots import held
from catalog.stages.builds import newest_build
from catalog.stages.reader import StageReader
from catalog.stages.tables import COMPUTED_STAGES, STAGES, Stage
from catalog.table import load_table

KEPT: Final = "kept"
"""Outcome of a row that no later stage dropped."""


@contextmanager
def later_stages(catalog: Catalog, stage: Stage, source_id: int) -> Iterator["LaterStages"]:
    """Yield what later stages were built of a map's snapshot, and keep it live meanwhile.

    Args:
        catalog: The catalog with the tables of the stages.
        stage: Stage of the map's rows.
        source_id: Snapshot of the contributions that these rows are from.
    """
    later = [
        tables
        for name, tables in COMPUTED_STAGES.items()
        if STAGES.index(name) > STAGES.index(stage)
    ]
    with ExitStack() as holds:

        def readers(names: Sequence[str]) -> list[StageReader]:
            return list(_held_readers(holds, catalog, names, source_id))

        # Only raw rows lack their language, which cleaning tells.
        cleaned = [COMPUTED_STAGES["cleaned"].rows] if stage == "raw" else []
        yield LaterStages(readers([tables.dropped for tables in later]), readers(cleaned))


class LaterStages:
    """Tells of rows what later stages made of them; other builds are left aside."""

    def __init__(self, dropped: Sequence[StageReader], cleaned: Sequence[StageReader]) -> None:
        """Tell of rows.

        Args:
            dropped: Readers of the rows that later stages dropped; none if none is built.
            cleaned: Readers of `cleaned`, if it tells the languages of the rows.
        """
        self._dropped = dropped
        self._cleaned = cleaned

    def add_to(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with `OUTCOME`, and with `LANGUAGE` if it is of raw rows.

        An outcome is the reason for which a later stage dropped the row, or `KEPT`. A column is
        left out if no build tells it. Only the parts of files that may have one of the rows are
        read, so that memory doesn't grow with the number of rows.

        Args:
            batch: Rows of the map's stage, with their contribution_id.
        """
        if self._dropped:
            reasons = _values(self._dropped, REASON, batch[ID])
            batch = batch.append_column(OUTCOME, reasons.fill_null(KEPT))
        if self._cleaned:
            batch = batch.append_column(LANGUAGE, _values(self._cleaned, LANGUAGE, batch[ID]))
        return batch


def _held_readers(
    holds: ExitStack, catalog: Catalog, names: Sequence[str], source_id: int
) -> Iterator[StageReader]:
    """Yield readers of those of the tables that were built of a snapshot, and hold the builds."""
    for name in names:
        table = load_table(catalog, name)
        snapshot_id = newest_build(table, source_id)
        if snapshot_id is not None:
            holds.enter_context(held(table, snapshot_id))
            yield StageReader(table, snapshot_id)


def _values(readers: Sequence[StageReader], column: str, ids: pa.Array) -> pa.Array:
    """Return what the stages have in a column for each contribution_id, or null."""
    wanted = ids.to_pylist()
    parts = [batch for each in readers for batch in each.rows([ID, column], ids=wanted)]
    schema = pa.schema([readers[0].schema.field(name) for name in (ID, column)])
    return values_of(ids, pa.Table.from_batches(parts, schema).sort_by(ID), column)
