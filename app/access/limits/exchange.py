"""Telling the nodes of a lake of each other's clients, by a table of PostgreSQL.

Each node counts in memory, and once a second adds what was taken since to the buckets in the table,
of which it gets back how empty they are. A client that reaches several nodes may empty its bucket
on each of them within that second. All that was taken is counted, so the buckets are overdrawn
then, and are empty everywhere until that is made up for.

While the database is away, each node goes on by what it knows, and adds the rest later.
"""

import logging
from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from app.access.limits.bucket_table import BucketTable
from app.state.db import Database
from app.telemetry import metrics

INTERVAL_S: Final = 1.0
"""Time between two exchanges."""
_EXCHANGES_UNTIL_FORGOTTEN: Final = 60
"""Exchanges between two removals of buckets that are full again."""

_NOW: Final = "CAST(extract(epoch FROM statement_timestamp()) AS double precision)"
# The order keeps two nodes from waiting for each other. Two workers may both have made a row for a
# client at the same moment.
_ADD: Final = text(f"""
    INSERT INTO shared_buckets AS known (client, bucket, full_at_s)
    SELECT client, bucket, {_NOW} + sum(taken_s)
    FROM unnest(
        CAST(:clients AS bigint[]),
        CAST(:buckets AS smallint[]),
        CAST(:taken_s AS double precision[])
    ) AS gone (client, bucket, taken_s)
    GROUP BY client, bucket
    ORDER BY client, bucket
    ON CONFLICT (client, bucket) DO UPDATE
    SET full_at_s = greatest(known.full_at_s, {_NOW}) + excluded.full_at_s - {_NOW}
    RETURNING client, bucket, full_at_s - {_NOW}
""")  # noqa: S608  # no part of it is a value
_FORGET: Final = text(f"DELETE FROM shared_buckets WHERE full_at_s < {_NOW}")  # noqa: S608  # as above

log = logging.getLogger(__name__)


class BucketExchange:
    """Exchanges what was taken from the buckets of one node. Each node has one."""

    def __init__(
        self,
        database: Database,
        find_table: Callable[[], BucketTable | None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare to exchange.

        Args:
            database: PostgreSQL.
            find_table: Returns the table of this node; None while no client was limited.
            clock: The clock of the table.
        """
        self._database = database
        self._find_table = find_table
        self._clock = clock
        self._table: BucketTable | None = None

    def exchange(self) -> int:
        """Tell of what was taken, and learn what others took of the same buckets.

        Returns:
            The number of buckets from which something was taken.

        Raises:
            SQLAlchemyError: The database can't be reached; the next exchange makes up for it.
        """
        self._table = self._table or self._find_table()
        if self._table is None:
            return 0
        all_digests, full_at, untold = self._table.rows()
        rows, columns = np.nonzero(untold)
        if not len(rows):
            return 0
        # Killed after the transaction and before the note of it, this process tells it twice.
        clients, told_s = all_digests[rows].view(np.int64), untold[rows, columns]
        levels = self._add(clients, columns, told_s)
        now = self._clock()
        told = zip(*(array.tolist() for array in (rows, columns, clients, told_s)), strict=True)
        for row, column, client, taken_s in told:
            if all_digests[row].view(np.int64) != client:
                continue  # it lost its row meanwhile
            # What a worker takes at the very moment of this assignment is forgotten.
            since_s = max(untold[row, column] - taken_s, 0.0)
            untold[row, column] = since_s
            shared = now + levels[client, column] + since_s
            full_at[row, column] = max(full_at[row, column], shared)
        return len(rows)

    def _add(
        self,
        clients: NDArray[np.int64],
        buckets: NDArray[np.int64],
        taken_s: NDArray[np.float64],
    ) -> dict[tuple[int, int], float]:
        """Add to the shared buckets what was taken, as the time in which it flows in again.

        Returns:
            The time in which each of these buckets will be full, in seconds, by client and bucket.
        """
        values = {
            "clients": clients.tolist(),
            "buckets": buckets.tolist(),
            "taken_s": taken_s.tolist(),
        }
        with self._database.write() as connection:
            return {(client, bucket): s for client, bucket, s in connection.execute(_ADD, values)}

    def forget(self) -> None:
        """Remove the shared buckets that are full.

        Raises:
            SQLAlchemyError: The database can't be reached.
        """
        with self._database.write() as connection:
            connection.execute(_FORGET)

    def run(self, stop: Event) -> None:
        """Exchange, again and again, until told to stop, and then once more."""
        has_failed, made = False, 0
        while True:
            is_last = stop.wait(INTERVAL_S)
            try:
                self.exchange()
                if made % _EXCHANGES_UNTIL_FORGOTTEN == 0:
                    self.forget()
                has_failed = False
            except Exception:
                # An outage may be long, so it is logged once.
                if not has_failed:
                    log.exception("limits weren't shared with other nodes; this is tried again")
                has_failed = True
                metrics.limits_not_shared()
            if is_last:
                return
            made += 1
