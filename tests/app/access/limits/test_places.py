from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from app.access.limits.bucket_table import Subject
from app.access.limits.errors import TooManyAtOnce
from app.access.limits.places import ClientPlaces
from tests.app.telemetry.test_metrics import growth

HERE = Subject("address", "192.0.2.1")
KEY = Subject("key", "0123456789abcdef")


@pytest.fixture
def places(tmp_path: Path) -> ClientPlaces:
    return ClientPlaces(tmp_path / "home" / "places.lock")


def test_a_client_holds_as_many_places_as_it_may_and_others_have_their_own(
    places: ClientPlaces,
) -> None:
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(places.holding(HERE, 2))
        with pytest.raises(TooManyAtOnce) as refusal, places.holding(HERE, 2):
            pass
        with places.holding(KEY, 2):
            pass
    assert "reads_at_once = 2 is reached by requests from your network" in str(refusal.value)
    assert refusal.value.retry_after_s == 1
    with places.holding(HERE, 2), places.holding(HERE, 2):
        pass


def test_a_key_is_told_of_its_own_limit(places: ClientPlaces) -> None:
    with (
        places.holding(KEY, 1),
        pytest.raises(TooManyAtOnce, match=r"key_reads_at_once = 1 .* your API key"),
        places.holding(KEY, 1),
    ):
        pass


def test_no_limit_takes_no_place(tmp_path: Path) -> None:
    places = ClientPlaces(tmp_path / "places.lock")
    with ExitStack() as held:
        for _ in range(10):
            held.enter_context(places.holding(HERE, 0))
    assert not list(tmp_path.iterdir())


def test_refusals_are_counted(places: ClientPlaces) -> None:
    def act() -> None:
        with places.holding(HERE, 1), pytest.raises(TooManyAtOnce), places.holding(HERE, 1):
            pass

    limit = {"limit": "reads_at_once", "client": "address"}
    assert growth(act, "limited_requests_total", **limit) == 1


def _hold(file: Path, told: Connection) -> None:
    with ClientPlaces(file).holding(HERE, 1):
        told.send(None)
        told.recv()


def test_processes_share_the_places_and_a_killed_one_gives_them_back(tmp_path: Path) -> None:
    file = tmp_path / "places.lock"
    ours, theirs = get_context("fork").Pipe()
    process = get_context("fork").Process(target=_hold, args=(file, theirs))
    process.start()
    ours.recv()
    with pytest.raises(TooManyAtOnce), ClientPlaces(file).holding(HERE, 1):
        pass
    process.kill()
    process.join()
    with ClientPlaces(file).holding(HERE, 1):
        pass
