from multiprocessing import get_context
from pathlib import Path

from app.access.limits.bucket_table import CAPACITY, COLUMNS, BucketTable, Subject
from app.telemetry.labels import LimitName

SUBJECT = Subject("address", "192.0.2.1")


def subjects(count: int) -> list[Subject]:
    return [Subject("address", f"client {number}") for number in range(count)]


def test_a_row_has_a_bucket_for_every_limit() -> None:
    assert len(LimitName.__args__) <= COLUMNS  # type: ignore[attr-defined]


def test_a_client_keeps_its_row_and_no_other_one_has_it() -> None:
    table = BucketTable()
    places = [table.buckets_of(subject) for subject in subjects(1_000)]
    assert len(set(places)) == 1_000
    assert [table.buckets_of(subject) for subject in subjects(1_000)] == places


def test_the_kind_of_a_client_tells_clients_of_one_value_apart() -> None:
    table = BucketTable()
    assert table.buckets_of(SUBJECT) != table.buckets_of(Subject("key", SUBJECT.value))


def test_two_tables_of_one_file_are_the_same(tmp_path: Path) -> None:
    first, second = BucketTable(tmp_path / "limits"), BucketTable(tmp_path / "limits")
    place = first.buckets_of(SUBJECT)
    first.times[place] = 12.5
    assert second.buckets_of(SUBJECT) == place
    assert second.times[place] == 12.5


def _write(path: Path) -> None:
    table = BucketTable(path)
    table.times[table.buckets_of(SUBJECT) + 2] = 7.25


def test_another_process_sees_what_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    table = BucketTable(path)
    process = get_context("fork").Process(target=_write, args=(path,))
    process.start()
    process.join(20)
    assert process.exitcode == 0
    assert table.times[table.buckets_of(SUBJECT) + 2] == 7.25


def test_the_file_is_for_its_owner_alone_and_never_grows(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    table = BucketTable(path)
    size = path.stat().st_size
    for subject in subjects(2_000):
        table.buckets_of(subject)
    assert path.stat().st_size == size == 64 + 128 * CAPACITY
    assert path.stat().st_mode & 0o777 == 0o600


def test_other_tables_put_a_client_elsewhere(tmp_path: Path) -> None:
    """Else clients could choose addresses that share a row with somebody's."""
    tables = [BucketTable(tmp_path / str(number)) for number in range(8)]
    assert len({table.buckets_of(SUBJECT) for table in tables}) > 1


def test_a_full_set_gives_up_the_row_that_is_full_first() -> None:
    table = BucketTable()
    place = table.buckets_of(SUBJECT)
    first = (place - 9) // 128 * 128 + 8
    # All rows of the set are taken, and SUBJECT's buckets will be full last.
    digests = table.digests
    for row in range(first, first + 128, 16):
        if row + 1 != place:
            digests[row] = row
            table.times[row + 1] = 100.0 + row
    table.times[place] = 1e9
    lowest = min(row for row in range(first, first + 128, 16) if row + 1 != place)
    assert table._assign(first, 99) == lowest + 1
    assert table.times[lowest + 1] == 0
    assert table.buckets_of(SUBJECT) == place
