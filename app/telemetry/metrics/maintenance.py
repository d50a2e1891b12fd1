"""Metrics of maintenance."""

from datetime import datetime
from typing import Final, get_args

from prometheus_client import Counter, Gauge, Histogram

from app.telemetry.labels import MaintenanceOperation
from app.telemetry.metrics.registry import REGISTRY

_MAINTENANCE_BUCKETS_S: Final = (0.1, 1.0, 10.0, 60.0, 600.0)

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
_stage_snapshots: Final = Gauge(
    "chatlake_stage_live_snapshots",
    "Snapshots that a table of a stage lists",
    ["table"],
    multiprocess_mode="mostrecent",
    registry=REGISTRY,
)

# Exposes 0 for what hasn't happened yet: see `app.telemetry.metrics`.
for _operation in get_args(MaintenanceOperation):
    _maintenance.labels(_operation)
    _maintenance_failures.labels(_operation)


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


def stage_snapshots_are(table_name: str, live: int) -> None:
    """Record how many snapshots of a table of a stage are live.

    Args:
        table_name: Name of the table, such as `cleaned_dropped`.
        live: Number of its live snapshots.
    """
    _stage_snapshots.labels(table_name).set(live)
