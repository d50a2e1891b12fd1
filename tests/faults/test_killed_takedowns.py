"""The short version of `python -m tests.faults.killed_takedowns`."""

from pathlib import Path

from tests.faults.killed_takedowns import KilledTakedowns

SEED = 3
CYCLES = 3


def test_what_is_taken_down_is_in_no_file_after_kills_and_nothing_else_is_lost(
    tmp_path: Path,
) -> None:
    rounds = KilledTakedowns(tmp_path / "home", SEED)
    count = rounds.run(CYCLES)

    assert count.is_sound, count
    assert rounds.erased.is_sound, rounds.erased
    assert rounds.erased.takedowns == CYCLES
    assert rounds.erased.cut_off > 0
    assert count.acknowledged > CYCLES
