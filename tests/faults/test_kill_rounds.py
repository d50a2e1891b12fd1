"""The short version of `python -m tests.faults.kill_rounds`."""

from pathlib import Path

from tests.faults.kill_rounds import KillRounds

# With this seed, committer, worker and server are killed, and then a server that starts.
SEED = 688
CYCLES = 4


def test_everything_acknowledged_is_in_the_table_once_after_kills_under_load(
    tmp_path: Path,
) -> None:
    killed: list[str] = []
    count = KillRounds(tmp_path / "home", SEED).run(CYCLES, killed.append)

    assert count.is_sound, count
    assert count.cycles == CYCLES
    assert count.acknowledged > CYCLES
    assert count.commits > 1
    assert count.refused == 0
