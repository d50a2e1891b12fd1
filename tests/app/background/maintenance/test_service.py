from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from app.background.maintenance.results import CompactionResult, MaintenanceResult, ThinningResult
from app.background.maintenance.service import Maintenance
from app.services import Services
from catalog.table import load_table
from tests.app.background.maintenance.upkeep import live, maintenance
from tests.app.ingest.polling import wait_until
from tests.factories import commit_batch
from tests.factories import make_received as make

_WAIT_S = 30


@contextmanager
def running(service: Maintenance, observe: Callable[[MaintenanceResult], None]) -> Iterator[Thread]:
    """Run maintenance on its schedule in a thread, until the block ends."""
    stop = Event()
    thread = Thread(target=service.run, args=(stop, observe))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(_WAIT_S)


@pytest.mark.slow
def test_scheduled_maintenance_does_all_due_jobs_and_stops_on_request(
    services: Services,
) -> None:
    for _ in range(6):
        commit_batch(services, make())
    results: list[MaintenanceResult] = []
    compacted = Event()

    def observe(result: MaintenanceResult) -> None:
        results.append(result)
        if isinstance(result, CompactionResult):
            compacted.set()

    with running(maintenance(services), observe) as thread:
        assert compacted.wait(_WAIT_S)
    assert not thread.is_alive()
    assert results[0] == ThinningResult(thinned=4, live=2)
    assert isinstance(results[1], CompactionResult)


@pytest.mark.slow
def test_a_failure_is_logged_and_the_schedule_goes_on(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        commit_batch(services, make())
    table = load_table(services.catalog)
    (path, *_) = Path(table.location().removeprefix("file://")).rglob("*.parquet")
    content = path.read_bytes()
    path.write_bytes(b"broken")
    compacted = Event()
    with running(maintenance(services), lambda _: compacted.set()):
        wait_until(lambda: "maintenance failed" in caplog.text, "the failure")
        path.write_bytes(content)
        assert compacted.wait(_WAIT_S)
    assert live(services) == [1, 2, 3]
