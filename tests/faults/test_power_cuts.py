"""The short version of `python -m tests.faults.power_cuts`."""

from pathlib import Path

import pytest

from tests.faults.power_cuts import FILESYSTEMS, cut_power

SEED = 0


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_everything_acknowledged_is_in_the_table_once_after_a_power_cut(
    tmp_path: Path, filesystem: str
) -> None:
    count = cut_power(tmp_path, filesystem, 1, SEED)

    assert count.is_sound, count
    assert count.acknowledged > 0
    assert count.commits > 0


def test_the_power_cut_shows_when_syncs_are_not_done(tmp_path: Path) -> None:
    count = cut_power(tmp_path, "ext4", 1, SEED, sync_is_a_lie=True)

    assert not count.is_sound
    assert count.lost > 0
