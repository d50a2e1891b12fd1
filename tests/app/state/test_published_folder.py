from pathlib import Path
from threading import Thread

import pytest

from app.state.published_folder import NameRule, PublishedFolder


def names(folder: PublishedFolder) -> list[str]:
    """Return the names in a folder, but for that of its lock."""
    return sorted(path.name for path in folder.path.iterdir() if path.name != ".lock")


@pytest.fixture
def folder(tmp_path: Path) -> PublishedFolder:
    """A folder that is not there yet."""
    return PublishedFolder(tmp_path / "published")


def build(folder: PublishedFolder, name: str) -> None:
    with folder.building() as built:
        (built / "file").write_text(name)
        folder.publish(built, name)


def test_a_published_result_has_its_name_and_no_other_folder_remains(
    folder: PublishedFolder,
) -> None:
    build(folder, "first")
    assert names(folder) == ["first"]
    assert (folder.path / "first" / "file").read_text() == "first"


def test_an_unpublished_result_is_removed(folder: PublishedFolder) -> None:
    with pytest.raises(KeyError), folder.building() as built:
        (built / "file").touch()
        raise KeyError
    assert names(folder) == []


def test_a_name_that_is_taken_stays_as_it_was(folder: PublishedFolder) -> None:
    build(folder, "first")
    with pytest.raises(OSError, match="not empty"), folder.building() as built:
        (built / "file").write_text("second")
        folder.publish(built, "first")
    assert names(folder) == ["first"]
    assert (folder.path / "first" / "file").read_text() == "first"


def test_the_next_build_removes_what_a_killed_one_left(folder: PublishedFolder) -> None:
    left = folder.path / ".0.building"
    left.mkdir(parents=True)
    (left / "file").touch()
    build(folder, "first")
    assert names(folder) == ["first"]


def test_builds_wait_for_each_other(folder: PublishedFolder) -> None:
    with folder.building() as built:
        second = Thread(target=build, args=(folder, "second"))
        second.start()
        second.join(0.2)
        assert second.is_alive()
        assert names(folder) == [built.name]
    second.join()
    assert names(folder) == ["second"]


def test_a_removed_result_is_gone(folder: PublishedFolder) -> None:
    build(folder, "first")
    build(folder, "second")
    folder.remove("first")
    assert names(folder) == ["second"]


@pytest.mark.parametrize("name", ["a", "2026-11", "a.b_c", "a" * 8])
def test_a_name_that_can_be_a_folder_is_allowed(name: str) -> None:
    assert NameRule(max_characters=8).allows(name)


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "a/b", "a b", "a\n", "a" * 9])
def test_a_name_that_can_be_no_folder_is_not_allowed(name: str) -> None:
    assert not NameRule(max_characters=8).allows(name)


def test_files_take_the_place_of_others_and_the_last_one_comes_last(
    folder: PublishedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder.building() as built:
        for path in ("list", "kept", "gone"):
            (built / path).write_text("old")
        folder.publish(built, "first")
    moved: list[str] = []
    rename = Path.rename

    def record(old: Path, new: Path) -> Path:
        moved.append(old.name)
        return rename(old, new)

    monkeypatch.setattr(Path, "rename", record)
    with folder.revising() as revised:
        (revised / "inner").mkdir()
        for path in ("list", "inner/new", "zoo"):
            (revised / path).write_text("new")
        folder.replace(revised, "first", "list")
    assert moved[-1] == "list"
    folder.keep_only("first", {"list", "kept", "inner/new"})
    found = {
        path.relative_to(folder.path / "first").as_posix(): path.read_text()
        for path in (folder.path / "first").rglob("*")
        if path.is_file()
    }
    assert found == {"list": "new", "kept": "old", "inner/new": "new"}
    assert names(folder) == ["first"]


def test_what_killed_processes_left_is_removed_unless_a_build_runs(folder: PublishedFolder) -> None:
    for left in (".0.building", ".1.revising"):
        (folder.path / left).mkdir(parents=True)
    folder.remove_unfinished()
    assert names(folder) == []
    with folder.building() as built:
        folder.remove_unfinished()
        assert names(folder) == [built.name]
