import pyarrow as pa

from app.query.counts.groups import LargestGroups

SCHEMA = pa.schema([("name", pa.string()), ("contributions", pa.int64()), ("turns", pa.int64())])


def groups(*rows: tuple[str | None, int, int]) -> pa.Table:
    return pa.table([*zip(*rows, strict=True)], schema=SCHEMA)


def test_the_largest_groups_are_kept_and_all_are_counted() -> None:
    largest = LargestGroups(SCHEMA, 2)
    for first in range(0, 20, 5):
        largest.add(groups(*((f"{n:02}", n % 7, 1) for n in range(first, first + 5))))
    assert largest.total == 20
    assert largest.largest()["name"].to_pylist() == ["06", "13"]


def test_groups_of_one_size_come_by_turns_and_then_by_name_with_nobody_last() -> None:
    largest = LargestGroups(SCHEMA, 3)
    largest.add(groups((None, 1, 2), ("b", 1, 2), ("a", 1, 2), ("c", 1, 3)))
    assert largest.largest()["name"].to_pylist() == ["c", "a", "b"]
