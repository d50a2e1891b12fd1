"""The short version of `python -m tests.faults.killed_replacements`."""

from pathlib import Path

from tests.faults.interrupted_work import worker
from tests.faults.killed_replacements import KilledReplacements

SEED = 3
KILLS = (("commit", 8), ("rebuild with replaced", 2))
"""Work, and the number of changes that it has made when it is killed."""


def test_derived_state_is_as_rebuilt_after_kills_while_conversations_are_replaced(
    tmp_path: Path,
) -> None:
    with worker() as do:
        lake = KilledReplacements(tmp_path / "home", SEED, do)
        for work, change in KILLS:
            lake.cycle(work, change)
    assert lake.outcome.is_sound, lake.outcome
    assert lake.outcome.killed.total() == len(KILLS)
