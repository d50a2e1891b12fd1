"""The short version of `python -m tests.faults.kill_calls`."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.kill_calls import count_calls, kill_at

FIRST, EARLY, MIDDLE, LAST = 0.0, 0.25, 0.5, 1.0


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """How many system calls a commit takes."""
    return count_calls(tmp_path_factory.mktemp("calls"))


@pytest.mark.parametrize(
    ("call", "place", "has_landed"),
    [
        ("write", MIDDLE, False),
        ("fsync", FIRST, False),
        ("rename", MIDDLE, False),
        ("rename", LAST, False),
        ("unlink", EARLY, False),
        ("pwrite64", LAST, True),
        ("fdatasync", LAST, True),
    ],
)
def test_the_table_is_whole_and_the_batch_lands_once_after_a_kill_at_a_system_call(
    tmp_path: Path, calls: Counter[str], call: str, place: float, has_landed: bool
) -> None:
    number = 1 + round(place * (calls[call] - 1))

    assert kill_at(tmp_path / "home", call, number) is has_landed
