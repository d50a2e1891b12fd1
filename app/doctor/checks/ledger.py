"""The ledger against the raw table: which snapshots there are, and how many rows they have."""

from collections.abc import Iterator
from typing import Final

from app.doctor.examined_lake import RESTORE, ExaminedLake
from app.doctor.finding import Finding
from app.state import ledger
from catalog.reading.counts import rows_by_commit, wrong_counts
from catalog.snapshots import Snapshot, live_snapshots, newest_number
from catalog.wording import counted

_RECORD: Final = "start the server, or run scripts/lake committer: it records them as it starts"


def check_ledger(lake: ExaminedLake) -> Iterator[Finding]:
    """Compare the ledger with the live snapshots, and each of its entries with the one before."""
    live = list(live_snapshots(lake.table))
    last = newest_number(lake.table)
    claimed = lake.claimed_batch()
    with lake.database.read() as connection:
        recorded = list(ledger.oldest_first(connection))
    by_id = {snapshot.snapshot_id: snapshot for snapshot in recorded}
    for snapshot in live:
        yield from _compare(snapshot, by_id.get(snapshot.snapshot_id), claimed)
    for snapshot in recorded:
        if snapshot.sequence_number > last:
            yield _finding(
                f"snapshot {snapshot.snapshot_id} has the sequence number "
                f"{snapshot.sequence_number}, and the table ends at {last}",
                f"the catalog is older than the database: {RESTORE}",
            )
    yield from _gaps(recorded)


def check_counts(lake: ExaminedLake) -> Iterator[Finding]:
    """Count the rows of every snapshot, live or thinned, and compare with the ledger."""
    with lake.database.read() as connection:
        recorded = list(ledger.oldest_first(connection))
    last = newest_number(lake.table)
    known = [snapshot for snapshot in recorded if snapshot.sequence_number <= last]
    for wrong in wrong_counts(rows_by_commit(lake.table), known):
        yield _finding(
            f"{wrong}, as the ledger states them",
            "if a takedown was cut off: scripts/lake takedown run; otherwise the database or the "
            f"table has lost something: {RESTORE}",
            check="counts",
        )


def _compare(live: Snapshot, recorded: Snapshot | None, claimed: str | None) -> Iterator[Finding]:
    if recorded is None:
        if claimed is None or live.batch_id != claimed:
            yield _finding(f"the ledger lacks the live snapshot {live.snapshot_id}", _RECORD)
        return
    if (live.sequence_number, live.batch_id) != (recorded.sequence_number, recorded.batch_id):
        yield _finding(
            f"the ledger states another commit of snapshot {live.snapshot_id} than the table: "
            f"{recorded.sequence_number} instead of {live.sequence_number}",
            f"the database belongs to another lake: {RESTORE}",
        )


def _gaps(recorded: list[Snapshot]) -> Iterator[Finding]:
    total = 0
    for snapshot in recorded:
        total += snapshot.added_rows
        if snapshot.total_rows != total:
            yield _finding(
                f"the ledger has {counted(snapshot.total_rows, 'row')} at snapshot "
                f"{snapshot.snapshot_id}, and {total} by what each commit added",
                f"an entry of the ledger is missing or was changed: {RESTORE}",
            )
            total = snapshot.total_rows


def _finding(what: str, mend: str, check: str = "ledger") -> Finding:
    return Finding(check=check, severity="error", what=what, mend=mend)
