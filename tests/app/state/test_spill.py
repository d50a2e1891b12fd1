"""What a killed process has spilled is removed by the next, and nobody else's."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from app.state import spill
from app.state.spill import remove_abandoned, spill_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty temporary folder, in a process that has spilled nothing yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(spill, "_made", {})
    return tmp_path


def test_the_folder_of_a_killed_process_is_removed(temporary: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        (spill_folder() / "rows").write_bytes(b"of contributions")
        os.write(writing, b"made")
        signal.pause()
    os.read(reading, 4)
    (theirs,) = temporary.iterdir()
    mine = spill_folder()
    assert remove_abandoned() == 0
    assert (theirs / "rows").exists()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert remove_abandoned() == 1
    assert list(temporary.iterdir()) == [mine]


def test_a_process_has_one_folder_and_removes_those_of_dead_ones_when_it_makes_it(
    temporary: Path,
) -> None:
    dead = temporary / "chatlake-spill-dead"
    dead.mkdir()
    others = temporary / "somebody's"
    others.mkdir()
    mine = spill_folder()
    assert spill_folder() == mine
    assert sorted(temporary.iterdir()) == sorted([mine, others])
