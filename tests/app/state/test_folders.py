from pathlib import Path
from threading import Thread

import pytest

from app.state.folders import publish, take_away, workshop


def names(shelf: Path) -> list[str]:
    """Return what is on a shelf, but for its lock."""
    return sorted(path.name for path in shelf.iterdir() if path.name != ".lock")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A shelf that is not there yet."""
    return tmp_path / "shelf"


def build(shelf: Path, name: str) -> None:
    with workshop(shelf) as folder:
        (folder / "file").write_text(name)
        publish(folder, shelf / name)


def test_what_is_published_has_its_name_and_nothing_else_is_left(shelf: Path) -> None:
    build(shelf, "first")
    assert names(shelf) == ["first"]
    assert (shelf / "first" / "file").read_text() == "first"


def test_what_is_not_published_is_gone(shelf: Path) -> None:
    with pytest.raises(KeyError), workshop(shelf) as folder:
        (folder / "file").touch()
        raise KeyError
    assert names(shelf) == []


def test_a_name_that_is_taken_stays_as_it_was(shelf: Path) -> None:
    build(shelf, "first")
    with pytest.raises(OSError, match="not empty"), workshop(shelf) as folder:
        (folder / "file").write_text("second")
        publish(folder, shelf / "first")
    assert names(shelf) == ["first"]
    assert (shelf / "first" / "file").read_text() == "first"


def test_the_next_build_removes_what_a_killed_one_left(shelf: Path) -> None:
    left = shelf / ".0.building"
    left.mkdir(parents=True)
    (left / "file").touch()
    build(shelf, "first")
    assert names(shelf) == ["first"]


def test_builds_wait_for_each_other(shelf: Path) -> None:
    with workshop(shelf) as folder:
        second = Thread(target=build, args=(shelf, "second"))
        second.start()
        second.join(0.2)
        assert second.is_alive()
        assert names(shelf) == [folder.name]
    second.join()
    assert names(shelf) == ["second"]


def test_what_is_taken_away_is_gone(shelf: Path) -> None:
    build(shelf, "first")
    build(shelf, "second")
    take_away(shelf / "first")
    assert names(shelf) == ["second"]
