"""The metrics: the only place that knows their names.

A process counts in memory, or, when `PROMETHEUS_MULTIPROC_DIR` is set before this module is
imported, in files that the processes of one server share. Only the closed sets of values below
become labels: never a word that a client chose.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Thread
from time import sleep
from typing import Final, Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.telemetry.request_times import RequestTimes
from catalog.size import TableSize

Reason = Literal[
    "malformed",
    "too_slow",
    "too_large",
    "unsupported",
    "invalid",
    "busy",
    "unavailable",
    "failed",
]
"""Why a submission or a line of a bulk upload was not accepted."""
Operation = Literal["thin", "compact", "remove_orphans"]
"""What maintenance does."""
ReleasedStage = Literal["raw", "cleaned", "curated"]
"""What releases hold."""

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
REGISTRY: Final = CollectorRegistry()
"""What this process counts."""

# Counts that several processes share have no time of creation; those of one would be told with it.
disable_created_metrics()

_PUBLISH_INTERVAL_S: Final = 1.0
_REQUEST_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
_COMMIT_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LAG_BUCKETS_S: Final = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 30.0, 120.0, 600.0)
_MAINTENANCE_BUCKETS_S: Final = (0.1, 1.0, 10.0, 60.0, 600.0)

_accepted: Final = Counter(
    "chatlake_accepted_contributions",
    "Contributions that became durable",
    registry=REGISTRY,
)
_repeated: Final = Counter(
    "chatlake_repeated_submissions",
    "Submissions that were recognised as sent before, and not stored again",
    registry=REGISTRY,
)
_rejected: Final = Counter(
    "chatlake_rejected_submissions",
    "Submissions that were not accepted",
    ["reason"],
    registry=REGISTRY,
)
_requests: Final = Histogram(
    "chatlake_request_seconds",
    "Time to answer a request; to the end of the answer when it is streamed",
    ["method", "route", "status"],
    buckets=_REQUEST_BUCKETS_S,
    registry=REGISTRY,
)
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
    """Return a gauge that the committer sets; without one, nothing is told of the table."""
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

_maintenance: Final = Histogram(
    "chatlake_maintenance_seconds",
    "Time of a run of maintenance that succeeded",
    ["operation"],
    buckets=_MAINTENANCE_BUCKETS_S,
    registry=REGISTRY,
)
_maintenance_failures: Final = Counter(
    "chatlake_maintenance_failures",
    "Runs of maintenance that failed",
    ["operation"],
    registry=REGISTRY,
)
_maintenance_success: Final = Gauge(
    "chatlake_maintenance_last_success_timestamp_seconds",
    "When maintenance last succeeded, in Unix time",
    ["operation"],
    multiprocess_mode="max",
    registry=REGISTRY,
)
_maintained: Final[dict[Operation, Counter]] = {
    "thin": Counter(
        "chatlake_thinned_snapshots",
        "Snapshots that maintenance took off the table's list",
        registry=REGISTRY,
    ),
    "compact": Counter(
        "chatlake_compacted_files",
        "Small data files that maintenance merged into larger ones",
        registry=REGISTRY,
    ),
    "remove_orphans": Counter(
        "chatlake_removed_orphans",
        "Files that belonged to no snapshot and were removed",
        registry=REGISTRY,
    ),
}
_releases: Final = Counter(
    "chatlake_scheduled_releases",
    "Scheduled releases that were published",
    ["stage"],
    registry=REGISTRY,
)
_release_failures: Final = Counter(
    "chatlake_scheduled_release_failures",
    "Attempts at a scheduled release that failed; it is tried again",
    ["stage"],
    registry=REGISTRY,
)
_release_success: Final = Gauge(
    "chatlake_scheduled_release_last_success_timestamp_seconds",
    "When a scheduled release was last published, in Unix time",
    ["stage"],
    multiprocess_mode="max",
    registry=REGISTRY,
)
_request_times: Final = RequestTimes(_requests, _REQUEST_BUCKETS_S)

# What didn't happen yet is told as 0: a rate that begins at 1 misses the first time.
for _reason in get_args(Reason):
    _rejected.labels(_reason)
for _operation in get_args(Operation):
    _maintenance.labels(_operation)
    _maintenance_failures.labels(_operation)
for _stage in get_args(ReleasedStage):
    _releases.labels(_stage)
    _release_failures.labels(_stage)


@dataclass(frozen=True, slots=True)
class JournalDepth:
    """What is acknowledged and not in the lake yet.

    Attributes:
        entries: Entries of the journal.
        contributions: Contributions in them.
        payload_bytes: Bytes of them.
        oldest_age_s: Time since the oldest was received; 0 when nothing waits.
    """

    entries: int
    contributions: int
    payload_bytes: int
    oldest_age_s: float


def journalled(accepted: int, repeated: int) -> None:
    """Count submissions that were answered for: those stored, and those that were there before."""
    if accepted:
        _accepted.inc(accepted)
    if repeated:
        _repeated.inc(repeated)


def rejected(reason: Reason, submissions: int = 1) -> None:
    """Count submissions that were not accepted."""
    _rejected.labels(reason).inc(submissions)


def answered(method: str, route: str, status: str, seconds: float) -> None:
    """Count a request, which `publish` tells.

    Args:
        method: Its method, one of those that the route has.
        route: The rule that it matched, never the path itself.
        status: The three digits of its status.
        seconds: How long it took.
    """
    _request_times.of(method, route, status).append(seconds)


def committed(rows: int, seconds: float, size: TableSize) -> None:
    """Count a commit, and note what the table has become."""
    _commits.observe(seconds)
    _committed.inc(rows)
    table_is(size)


def commit_failed() -> None:
    """Count an attempt to commit that failed."""
    _commit_failures.inc()


def visible(oldest: datetime, newest: datetime, now: datetime) -> None:
    """Observe how long the contributions of a commit took from receipt to visibility.

    All of them lie between the two: observing each of 50,000 would cost as much as a commit.
    """
    _lag.labels("oldest").observe((now - oldest).total_seconds())
    _lag.labels("newest").observe((now - newest).total_seconds())


def table_is(size: TableSize) -> None:
    """Note how large the table is."""
    _table_snapshots.set(size.live_snapshots)
    _table_rows.set(size.rows)
    _table_files.set(size.data_files)
    _table_bytes.set(size.data_bytes)


@contextmanager
def leading() -> Iterator[None]:
    """Say that this process commits to the lake, for as long as the block lasts."""
    _leader.set(1)
    try:
        yield
    finally:
        _leader.set(0)


def maintained(operation: Operation, seconds: float, changed: int, now: datetime) -> None:
    """Record a run of maintenance that succeeded.

    Args:
        operation: What was run.
        seconds: How long it took.
        changed: Snapshots thinned, files compacted, or orphans removed.
        now: When it ended.
    """
    _maintenance.labels(operation).observe(seconds)
    _maintained[operation].inc(changed)
    _maintenance_success.labels(operation).set(now.timestamp())


def maintenance_failed(operation: Operation) -> None:
    """Count a run of maintenance that failed."""
    _maintenance_failures.labels(operation).inc()


def released(stage: ReleasedStage, now: datetime) -> None:
    """Count a scheduled release that was published."""
    _releases.labels(stage).inc()
    _release_success.labels(stage).set(now.timestamp())


def release_failed(stage: ReleasedStage) -> None:
    """Count an attempt at a scheduled release that failed."""
    _release_failures.labels(stage).inc()


def publish() -> None:
    """Tell of the requests that were answered since the last call."""
    _request_times.publish()


def publish_regularly() -> None:
    """Publish every second, until the process ends."""

    def keep_publishing() -> None:
        while True:
            sleep(_PUBLISH_INTERVAL_S)
            publish()

    Thread(target=keep_publishing, name="metrics", daemon=True).start()


def exposition(journal: JournalDepth | None) -> bytes:
    """Return all metrics in the text format.

    Args:
        journal: Its depth now; None when it can't be read.
    """
    publish()
    registry = CollectorRegistry()
    if FOLDER_VARIABLE in os.environ:
        MultiProcessCollector(registry)
    else:
        registry.register(REGISTRY)
    registry.register(_JournalCollector(journal))
    return generate_latest(registry)


class _JournalCollector(Collector):
    """Gauges of the journal: read when they are asked for, they grow without a committer too."""

    def __init__(self, depth: JournalDepth | None) -> None:
        self._depth = depth

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "chatlake_journal_up",
            "Whether the journal could be read",
            value=self._depth is not None,
        )
        if self._depth is None:
            return
        for name, meaning, value in (
            ("entries", "Entries of the journal", self._depth.entries),
            ("contributions", "Contributions", self._depth.contributions),
            ("bytes", "Bytes of the contributions", self._depth.payload_bytes),
            ("oldest_age_seconds", "Age of the oldest contribution", self._depth.oldest_age_s),
        ):
            yield GaugeMetricFamily(
                f"chatlake_journal_{name}", f"{meaning}, not in the lake yet", value=value
            )
