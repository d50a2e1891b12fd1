"""The rows that `cleaned` has already, so that a build needn't compute them again."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.curation.pipeline.chunks import RECEIPT_ORDER, RECEIVED_AT, digest_of
from app.curation.pipeline.records import ChunkRecord
from app.curation.pipeline.row_cleaner import CLEANED_WITH_REASON
from app.curation.pipeline.unscored import is_unscored, unscored_digest
from catalog.schema import ID
from catalog.stages.reader import StageReader

NO_ROWS: Final = CLEANED_WITH_REASON.empty_table()
"""A table of no rows, with the columns of `cleaned` and the reason."""
_AFTER_EVERY_ROW: Final = datetime.max.replace(tzinfo=UTC)


class KnownRows:
    """Reads the rows that `cleaned` keeps and drops, where the present rules computed them."""

    def __init__(
        self,
        rows: Table,
        dropped: Table,
        records: Mapping[datetime, ChunkRecord],
        digest: Callable[[str], str],
    ) -> None:
        """Read the newest snapshots.

        Args:
            rows: The table of the rows of `cleaned`.
            dropped: The table of the rows that `cleaned` drops.
            records: The chunks of `cleaned` by their starts, ascending.
            digest: Returns the digest of a chunk of `cleaned`, given that of its ids.
        """
        self._readers = [
            StageReader(table, snapshot.snapshot_id)
            for table in (rows, dropped)
            if (snapshot := table.current_snapshot())
        ]
        self._records = records
        self._starts = list(records)
        self._ends = [*self._starts[1:], _AFTER_EVERY_ROW]
        self._digest = digest

    def among(self, ids: pa.Array | pa.ChunkedArray, starts: Iterable[datetime]) -> pa.Table:
        """Return the rows that are known of some ids, with the columns `CLEANED_WITH_REASON`.

        Rows that a scorer couldn't be asked about are not known.

        Args:
            ids: The contribution_ids.
            starts: Where to look for them: in the recorded chunks that hold these times.
        """
        places = {bisect_right(self._starts, moment) - 1 for moment in starts} - {-1}
        rows = pa.concat_tables([NO_ROWS, *map(self._of_chunk, sorted(places))])
        return rows.filter(pc.and_not(pc.is_in(rows[ID], ids), is_unscored(rows["scores"])))

    def _of_chunk(self, place: int) -> pa.Table:
        start, end = self._starts[place], self._ends[place]
        # The digest tells whether the record is of these rows, and of the present rules.
        ids = self._read(start, end, [RECEIVED_AT, ID]).sort_by(RECEIPT_ORDER)[ID]
        digest = self._digest(digest_of(ids))
        is_known = self._records[start].digest in {digest, unscored_digest(digest)}
        return self._read(start, end, CLEANED_WITH_REASON.names) if is_known else NO_ROWS

    def _read(self, start: datetime, end: datetime, names: Sequence[str]) -> pa.Table:
        schema = pa.schema([CLEANED_WITH_REASON.field(name) for name in names])
        parts = []
        for reader in self._readers:
            columns = [name for name in names if name in reader.schema.names]
            batches = reader.rows(columns, (start, end))
            parts += [_completed(batch, schema) for batch in batches]
        return pa.Table.from_batches(parts, schema)


def _completed(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return rows with the columns of a schema, null where they have none of the name."""
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.schema.names
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
