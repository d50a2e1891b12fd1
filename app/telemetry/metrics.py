"""The metrics: their names, labels and buckets, and the functions that count.

A process counts in memory. When `PROMETHEUS_MULTIPROC_DIR` is set before this module is imported,
it counts in files that the processes of one server share. Labels take only the closed sets of
values of `app.telemetry.labels`, never a word that a client chose.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from app.telemetry.labels import (
    ClientKind,
    ConcurrencyLimitName,
    LimitName,
    MaintenanceOperation,
    RejectionReason,
    ReportReason,
)
from app.telemetry.request_times import RequestTimes
from catalog.size import TableSize
from catalog.stages import STAGES, Stage

REGISTRY: Final = CollectorRegistry()
"""The metrics of this process."""

# Shared metrics have no time of creation. Without this, those of a single process would have one.
disable_created_metrics()

_REQUEST_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
_COMMIT_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LAG_BUCKETS_S: Final = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 30.0, 120.0, 600.0)
_MAINTENANCE_BUCKETS_S: Final = (0.1, 1.0, 10.0, 60.0, 600.0)
_ERASURE_BUCKETS_S: Final = (10.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)

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
_limited: Final = Counter(
    "chatlake_limited_requests",
    "Requests that were refused because their client had reached a limit",
    ["limit", "client"],
    registry=REGISTRY,
)
_not_shared: Final = Counter(
    "chatlake_limit_exchange_failures",
    "Attempts to share the limits of clients with other nodes that failed; it is tried again",
    registry=REGISTRY,
)
_reports: Final = Counter(
    "chatlake_reports",
    "Reports of contributions; of a network, the first report of each contribution",
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


_takedowns: Final = Gauge(
    "chatlake_takedowns_unfinished",
    "Takedowns that aren't erased from every file yet, as the committer's process last saw",
    multiprocess_mode="livemostrecent",
    registry=REGISTRY,
)
_erased: Final = Counter(
    "chatlake_erased_contributions",
    "Contributions that were erased from every file",
    registry=REGISTRY,
)
_erasures: Final = Histogram(
    "chatlake_erasure_seconds",
    "Time to erase what was taken down from every file, the time of grace for readers included",
    buckets=_ERASURE_BUCKETS_S,
    registry=REGISTRY,
)
_erasure_failures: Final = Counter(
    "chatlake_erasure_failures",
    "Attempts to erase what was taken down that failed; each is made again",
    registry=REGISTRY,
)
_hub_outdated: Final = Gauge(
    "chatlake_hub_outdated",
    "Repositories on the Hub that may hold what was taken down, as the committer's process last "
    "saw",
    multiprocess_mode="livemostrecent",
    registry=REGISTRY,
)
_hub_failures: Final = Counter(
    "chatlake_hub_failures",
    "Attempts to bring the Hub up to date that failed; each is made again",
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
_stage_snapshots: Final = Gauge(
    "chatlake_stage_live_snapshots",
    "Snapshots that a table of a stage lists",
    ["table"],
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)

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
_maintained: Final[dict[MaintenanceOperation, Counter]] = {
    "thin": Counter(
        "chatlake_thinned_snapshots",
        "Snapshots that maintenance took off the lists of tables",
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
    "index_texts": Counter(
        "chatlake_indexed_files",
        "Data files whose texts were indexed",
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

# Exposes 0 for what hasn't happened yet: a series that begins at 1 hides the first event from
# Prometheus' `rate`.
for _reason in get_args(RejectionReason):
    _rejected.labels(_reason)
for _limit in (*get_args(LimitName), *get_args(ConcurrencyLimitName)):
    for _kind in get_args(ClientKind):
        _limited.labels(_limit, _kind)
for _report_reason in get_args(ReportReason):
    _reports.labels(_report_reason)
for _operation in get_args(MaintenanceOperation):
    _maintenance.labels(_operation)
    _maintenance_failures.labels(_operation)
for _stage in STAGES:
    _releases.labels(_stage)
    _release_failures.labels(_stage)


def journalled(accepted: int, repeated: int) -> None:
    """Count acknowledged submissions.

    Args:
        accepted: Number of submissions that were stored.
        repeated: Number of submissions that had been stored before.
    """
    if accepted:
        _accepted.inc(accepted)
    if repeated:
        _repeated.inc(repeated)


def rejected(reason: RejectionReason, submissions: int = 1) -> None:
    """Count submissions that were not accepted, for one reason."""
    _rejected.labels(reason).inc(submissions)


def limited(limit: LimitName | ConcurrencyLimitName, kind: ClientKind) -> None:
    """Count a request that was refused because a client of some kind had reached a limit."""
    _limited.labels(limit, kind).inc()


def limits_not_shared() -> None:
    """Count an attempt to share the limits of clients with other nodes that failed."""
    _not_shared.inc()


def reported(reason: ReportReason) -> None:
    """Count a report of a contribution."""
    _reports.labels(reason).inc()


def answered(method: str, route: str, status: str, seconds: float) -> None:
    """Count an answered request; it is exposed after the next call of `publish`.

    Args:
        method: The request's method, one of those that the route has.
        route: The URL rule that the request matched, never the path itself.
        status: The three digits of the answer's status code.
        seconds: Time to the end of the answer.
    """
    _request_times.of(method, route, status).append(seconds)


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


def stage_snapshots_are(table_name: str, live: int) -> None:
    """Record how many snapshots of a table of a stage are live.

    Args:
        table_name: Name of the table, such as `cleaned_dropped`.
        live: Number of its live snapshots.
    """
    _stage_snapshots.labels(table_name).set(live)


@contextmanager
def leading() -> Iterator[None]:
    """Record that this process is the one that commits to the lake, within the block."""
    _leader.set(1)
    try:
        yield
    finally:
        _leader.set(0)


def maintained(
    operation: MaintenanceOperation, seconds: float, changed: int, now: datetime
) -> None:
    """Record a run of maintenance that succeeded.

    Args:
        operation: The operation that was run.
        seconds: Duration of the run.
        changed: Number of snapshots thinned, files compacted or indexed, or orphans removed.
        now: Time of the run's end.
    """
    _maintenance.labels(operation).observe(seconds)
    _maintained[operation].inc(changed)
    _maintenance_success.labels(operation).set(now.timestamp())


def maintenance_failed(operation: MaintenanceOperation) -> None:
    """Count a run of maintenance that failed."""
    _maintenance_failures.labels(operation).inc()


def takedowns_are(unfinished: int) -> None:
    """Record how many takedowns aren't erased yet."""
    _takedowns.set(unfinished)


def erased(contributions: int, seconds: float) -> None:
    """Count contributions that were erased together, and the time that it took."""
    _erased.inc(contributions)
    _erasures.observe(seconds)


def erasure_failed() -> None:
    """Count an attempt to erase that failed."""
    _erasure_failures.inc()


def hub_publications_are(*, outdated: int) -> None:
    """Record how many repositories on the Hub may hold what was taken down."""
    _hub_outdated.set(outdated)


def hub_update_failed() -> None:
    """Count an attempt to bring the Hub up to date that failed."""
    _hub_failures.inc()


def released(stage: Stage, now: datetime) -> None:
    """Count a scheduled release that was published."""
    _releases.labels(stage).inc()
    _release_success.labels(stage).set(now.timestamp())


def release_failed(stage: Stage) -> None:
    """Count an attempt at a scheduled release that failed."""
    _release_failures.labels(stage).inc()


def publish() -> None:
    """Observe the times of the requests that were answered since the last call."""
    _request_times.publish()
