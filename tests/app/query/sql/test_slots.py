import os
from pathlib import Path

import pytest

from app.query.sql.errors import SqlClientBusy, SqlPoolFull
from app.query.sql.slots import Slots

ADA = "192.0.2.1"
BOB = "192.0.2.2"
EVE = "2001:db8::"


def make_slots(folder: Path, size: int = 2, per_client: int = 1) -> Slots:
    return Slots(folder / "home" / "sql.lock", size, per_client)


def test_as_many_slots_are_held_as_there_are_and_no_more(tmp_path: Path) -> None:
    slots = make_slots(tmp_path)
    with slots.take(ADA), slots.take(BOB):
        with pytest.raises(SqlPoolFull) as caught, slots.take(EVE):
            pass
        assert caught.value.pool_size == 2


def test_an_address_holds_no_more_than_it_may(tmp_path: Path) -> None:
    slots = make_slots(tmp_path, size=9, per_client=2)
    with slots.take(ADA), slots.take(ADA):
        with pytest.raises(SqlClientBusy) as caught, slots.take(ADA):
            pass
        assert caught.value.per_client == 2
        with slots.take(BOB), slots.take(BOB), slots.take(EVE):
            pass


def test_an_address_that_is_refused_takes_no_slot(tmp_path: Path) -> None:
    slots = make_slots(tmp_path)
    with slots.take(ADA):
        for _ in range(3):
            with pytest.raises(SqlClientBusy), slots.take(ADA):
                pass
        with slots.take(BOB):
            pass


def test_an_address_that_finds_no_slot_may_ask_again(tmp_path: Path) -> None:
    slots = make_slots(tmp_path, size=1)
    with slots.take(ADA), pytest.raises(SqlPoolFull), slots.take(BOB):
        pass
    with slots.take(BOB):
        pass


def test_a_slot_is_free_again_after_its_block(tmp_path: Path) -> None:
    slots = make_slots(tmp_path, size=1)
    for _ in range(3):
        with slots.take(ADA):
            pass


def test_processes_share_the_slots_of_a_file(tmp_path: Path) -> None:
    one, other = make_slots(tmp_path, size=1), make_slots(tmp_path, size=1)
    with one.take(ADA):
        with pytest.raises(SqlPoolFull), other.take(BOB):
            pass
        with pytest.raises(SqlClientBusy), other.take(ADA):
            pass


def test_a_slot_is_held_for_as_long_as_anybody_holds_its_descriptor(tmp_path: Path) -> None:
    slots = make_slots(tmp_path)
    with slots.take(ADA) as descriptor:
        held_by_another = os.dup(descriptor)
    with pytest.raises(SqlClientBusy), slots.take(ADA):
        pass
    os.close(held_by_another)
    with slots.take(ADA):
        pass


def test_the_file_stays_empty_however_many_addresses_ask(tmp_path: Path) -> None:
    slots = make_slots(tmp_path)
    for number in range(100):
        with slots.take(f"192.0.2.{number}"):
            pass
    (file,) = (tmp_path / "home").iterdir()
    assert file.stat().st_size == 0
