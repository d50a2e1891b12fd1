import os
from pathlib import Path

import pytest

from app.query.sql.errors import SqlPoolFull
from app.query.sql.slots import Slots


def test_as_many_slots_are_held_as_there_are_and_no_more(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "sql", 2)
    with slots.take(), slots.take():
        with pytest.raises(SqlPoolFull) as caught, slots.take():
            pass
        assert caught.value.pool_size == 2


def test_a_slot_is_free_again_after_its_block(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "sql", 1)
    for _ in range(3):
        with slots.take():
            pass


def test_processes_share_the_slots_of_a_folder(tmp_path: Path) -> None:
    with (
        Slots(tmp_path / "sql", 1).take(),
        pytest.raises(SqlPoolFull),
        Slots(tmp_path / "sql", 1).take(),
    ):
        pass


def test_a_slot_is_held_for_as_long_as_anybody_holds_its_descriptor(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "sql", 1)
    with slots.take() as descriptor:
        held_by_another = os.dup(descriptor)
    with pytest.raises(SqlPoolFull), slots.take():
        pass
    os.close(held_by_another)
    with slots.take():
        pass
