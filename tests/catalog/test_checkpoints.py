from collections.abc import Callable

import pytest

from app.query.snapshots import Reference
from app.services import Services
from catalog.checkpoints import checked, checkpoint, current_check
from catalog.errors import LakeError
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.schema import ARROW_SCHEMA
from tests.factories import commit_batch, make_received


class Unwanted(LakeError):
    """The error that the checks of these tests raise."""


def raising_after(calls: int) -> Callable[[], None]:
    """Return a check that raises from a number of calls on."""
    called = 0

    def check() -> None:
        nonlocal called
        called += 1
        if called > calls:
            raise Unwanted

    return check


def test_work_without_a_check_passes_every_checkpoint() -> None:
    checkpoint()


def test_work_stops_at_the_first_checkpoint_whose_check_fails() -> None:
    with checked(raising_after(2)):
        checkpoint()
        with pytest.raises(Unwanted):
            checkpoint()
    checkpoint()


def test_work_that_is_not_wanted_does_not_begin() -> None:
    with pytest.raises(Unwanted), checked(raising_after(0)):
        pytest.fail("it began")
    checkpoint()


def test_a_check_can_be_called_from_elsewhere() -> None:
    with checked(raising_after(1)):
        check = current_check()
    with pytest.raises(Unwanted):
        check()


@pytest.mark.parametrize("columns", [ARROW_SCHEMA.names, ["source", "conversation.rating"]])
def test_a_scan_stops_within_a_file_when_its_check_fails(
    services: Services, columns: list[str]
) -> None:
    for day in range(3):
        commit_batch(services, make_received(day))
    view = services.reading.snapshots.view(Reference())
    assert view.snapshot
    files = plan(view.table, view.snapshot)
    batches = read(view.table, files, columns)
    # Three checkpoints pass: at the start, at the file and at the batch.
    with checked(raising_after(3)):
        assert next(batches).num_rows == 1
        with pytest.raises(Unwanted):
            next(batches)
