from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from app.telemetry import metrics
from app.telemetry.exposition import exposition
from app.telemetry.labels import MaintenanceOperation, RejectionReason
from app.telemetry.metrics import REGISTRY, publish
from catalog.reading.size import TableSize

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIZE = TableSize(live_snapshots=4, rows=300, data_files=7, data_bytes=9_000)


def value(name: str, **labels: str) -> float:
    """Return the current value of a metric; 0 when nothing was counted yet."""
    publish()
    sample_name = f"chatlake_{name}"
    # Collecting all that the tests of this process have counted would take long.
    for metric in REGISTRY.restricted_registry([sample_name]).collect():
        for sample in metric.samples:
            if (sample.name, sample.labels) == (sample_name, labels):
                return sample.value
    return 0


def growth(act: Callable[[], None], name: str, **labels: str) -> float:
    """Return by how much an action raises a metric, which other tests of the process count too."""
    before = value(name, **labels)
    act()
    return value(name, **labels) - before


def test_new_and_repeated_submissions_are_counted_separately() -> None:
    def act() -> None:
        metrics.journalled(3, 2)

    assert growth(act, "accepted_contributions_total") == 3
    assert growth(act, "repeated_submissions_total") == 2


@pytest.mark.parametrize("reason", get_args(RejectionReason))
def test_rejections_are_counted_by_reason(reason: RejectionReason) -> None:
    name = "rejected_submissions_total"
    assert growth(lambda: metrics.rejected(reason, 4), name, reason=reason) == 4


def test_every_reason_and_operation_is_exposed_before_it_first_happens() -> None:
    exposed = exposition(None).decode()
    for reason in get_args(RejectionReason):
        assert f'rejected_submissions_total{{reason="{reason}"}}' in exposed
    for operation in get_args(MaintenanceOperation):
        assert f'maintenance_failures_total{{operation="{operation}"}}' in exposed


def test_a_request_is_counted_under_its_route_and_status() -> None:
    labels = {"method": "GET", "route": "/v1/test", "status": "200"}

    def act() -> None:
        metrics.answered(**labels, seconds=0.004)

    assert growth(act, "request_seconds_count", **labels) == 1
    assert growth(act, "request_seconds_bucket", **labels, le="0.005") == 1
    assert growth(act, "request_seconds_bucket", **labels, le="0.0025") == 0


def test_a_commit_updates_the_metrics_of_rows_and_table_size() -> None:
    def act() -> None:
        metrics.committed(100, 0.2, SIZE)

    assert growth(act, "committed_contributions_total") == 100
    assert growth(act, "commit_seconds_count") == 1
    assert growth(metrics.commit_failed, "commit_failures_total") == 1
    assert value("table_live_snapshots") == 4
    assert value("table_rows") == 300
    assert value("table_data_files") == 7
    assert value("table_data_bytes") == 9_000


def test_visibility_is_observed_for_the_first_and_the_last_that_was_received() -> None:
    def act() -> None:
        metrics.visible(NOW - timedelta(seconds=3.5), NOW - timedelta(seconds=0.75), NOW)

    # Approximately, since other tests have added floats to the sum.
    oldest = growth(act, "visibility_lag_seconds_sum", contribution="oldest")
    assert oldest == pytest.approx(3.5)
    newest = growth(act, "visibility_lag_seconds_sum", contribution="newest")
    assert newest == pytest.approx(0.75)


def test_a_process_leads_for_as_long_as_it_does() -> None:
    with metrics.leading():
        assert value("leader") == 1
    assert value("leader") == 0


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("thin", "thinned_snapshots_total"),
        ("compact", "compacted_files_total"),
        ("remove_orphans", "removed_orphans_total"),
        ("index_texts", "indexed_files_total"),
    ],
)
def test_maintenance_updates_its_metrics_and_its_time(
    operation: MaintenanceOperation, name: str
) -> None:
    def act() -> None:
        metrics.maintained(operation, 1.5, 6, NOW)

    assert growth(act, name) == 6
    assert growth(act, "maintenance_seconds_count", operation=operation) == 1
    last_success = value("maintenance_last_success_timestamp_seconds", operation=operation)
    assert last_success == NOW.timestamp()


def test_maintenance_that_failed_is_counted_by_operation() -> None:
    labels = {"operation": "compact"}
    assert (
        growth(
            lambda: metrics.maintenance_failed("compact"), "maintenance_failures_total", **labels
        )
        == 1
    )
