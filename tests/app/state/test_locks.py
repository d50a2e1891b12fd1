from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from app.settings import Settings
from app.state.db import Database
from app.state.locks import FileLock, Lock, holding
from tests.app.ingest.polling import wait_until

MakeLock = Callable[[str], Lock]


@pytest.fixture
def make_lock(new_settings: Settings) -> Iterator[MakeLock]:
    """Makes a lock of a database by its name."""
    database = Database(new_settings.database_url)
    yield database.lock
    database.dispose()


@pytest.mark.both
def test_a_lock_has_one_holder_until_it_is_given_back(make_lock: MakeLock) -> None:
    first, second = make_lock("name"), make_lock("name")
    assert first.try_acquire()
    first.check()
    assert not second.try_acquire()
    first.close()
    # PostgreSQL gives a lock back shortly after its connection was closed.
    wait_until(second.try_acquire, "the lock")
    second.close()


@pytest.mark.both
def test_locks_of_different_names_have_nothing_to_do_with_each_other(make_lock: MakeLock) -> None:
    with holding(make_lock("one")), holding(make_lock("other")):
        pass


@pytest.mark.both
def test_a_lock_that_was_never_taken_can_be_given_back(make_lock: MakeLock) -> None:
    make_lock("name").close()


@pytest.mark.both
def test_holding_waits_for_the_holder(make_lock: MakeLock) -> None:
    held = Event()

    def hold() -> None:
        with holding(make_lock("name")):
            held.set()

    with ThreadPoolExecutor(1) as pool:
        with holding(make_lock("name")):
            waiting = pool.submit(hold)
            other = make_lock("name")
            assert not other.try_acquire()
            other.close()
            assert not held.is_set()
        waiting.result(20)
    assert held.is_set()


@pytest.mark.both
def test_an_error_gives_the_lock_back(make_lock: MakeLock) -> None:
    with pytest.raises(KeyError), holding(make_lock("name")):
        raise KeyError
    with holding(make_lock("name")):
        pass


def test_the_folder_of_a_lock_file_is_made(tmp_path: Path) -> None:
    with holding(FileLock(tmp_path / "new" / "name.lock")):
        assert (tmp_path / "new" / "name.lock").exists()
