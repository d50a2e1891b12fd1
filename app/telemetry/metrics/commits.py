"""Metrics of commits, and of the table that they make."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from app.telemetry.metrics.registry import REGISTRY
from catalog.reading.size import TableSize

_COMMIT_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LAG_BUCKETS_S: Final = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 30.0, 120.0, 600.0)

_commits: Final = Histogram(
    "chatlake_commit_seconds",
    "Time of a commit, from its claim to its place in the ledger",
    buckets=_COMMIT_BUCKETS_S,
    registry=REGISTRY,
)
_commit_failures: Final = Counter(
    "chatlake_commit_failures",
    "Attempts to commit that failed; the claim is taken up again",
    registry=REGISTRY,
)
_committed: Final = Counter(
    "chatlake_committed_contributions",
    "Contributions that commits added to the table",
    registry=REGISTRY,
)
_dropped: Final = Counter(
    "chatlake_dropped_contributions",
    "Contributions that a commit left out, since they were taken down before",
    registry=REGISTRY,
)
_lag: Final = Histogram(
    "chatlake_visibility_lag_seconds",
    "Time from receipt to visibility, of the oldest and of the newest contribution of each commit",
    ["contribution"],
    buckets=_LAG_BUCKETS_S,
    registry=REGISTRY,
)
_leader: Final = Gauge(
    "chatlake_leader",
    "Whether this server's committer is the one that commits to the lake",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)


def _table_gauge(name: str, meaning: str) -> Gauge:
    """Return a gauge that the committer sets. While none runs, the gauge is not exposed."""
    return Gauge(
        f"chatlake_table_{name}",
        f"{meaning}, as the committer last saw",
        multiprocess_mode="livemostrecent",
        registry=REGISTRY,
    )


_table_snapshots: Final = _table_gauge("live_snapshots", "Snapshots that the table lists")
_table_rows: Final = _table_gauge("rows", "Contributions in the table, all versions")
_table_files: Final = _table_gauge("data_files", "Data files of the table")
_table_bytes: Final = _table_gauge("data_bytes", "Bytes of the table's data files")


def committed(rows: int, seconds: float, size: TableSize) -> None:
    """Count a commit, and record the size of the table.

    Args:
        rows: Number of rows that the commit added.
        seconds: Duration of the commit.
        size: Size of the table after the commit.
    """
    _commits.observe(seconds)
    _committed.inc(rows)
    table_is(size)


def dropped(contributions: int) -> None:
    """Count contributions that were accepted, and that a commit left out."""
    _dropped.inc(contributions)


def commit_failed() -> None:
    """Count an attempt to commit that failed."""
    _commit_failures.inc()


def visible(oldest: datetime, newest: datetime, now: datetime) -> None:
    """Observe how long the contributions of a commit took from receipt to visibility.

    Only the two extremes are observed: observing each of 50,000 would take as long as a commit.

    Args:
        oldest: Time of receipt of the contribution that was received first.
        newest: Time of receipt of the contribution that was received last.
        now: The time at which they became visible.
    """
    _lag.labels("oldest").observe((now - oldest).total_seconds())
    _lag.labels("newest").observe((now - newest).total_seconds())


def table_is(size: TableSize) -> None:
    """Record the size of the table."""
    _table_snapshots.set(size.live_snapshots)
    _table_rows.set(size.rows)
    _table_files.set(size.data_files)
    _table_bytes.set(size.data_bytes)


@contextmanager
def leading() -> Iterator[None]:
    """Record that this process is the one that commits to the lake, within the block."""
    _leader.set(1)
    try:
        yield
    finally:
        _leader.set(0)
