from collections.abc import Sequence

import pyarrow as pa
import pytest

from catalog.reading.membership import NO_IDS, ids_between, is_among, values_of, without
from catalog.schema import ID
from tests.batches import ROWS, windows
from tests.factories import make_contribution_id

IDS = pa.array([make_contribution_id(0, number) for number in range(ROWS)], NO_IDS.type)
LISTS = pytest.mark.parametrize(
    "numbers", [[], [0], [2, 4095, 4096], range(5000), range(ROWS)], ids=len
)


def chosen(numbers: Sequence[int]) -> pa.Array:
    return IDS.take(pa.array(numbers, pa.int64()))


@LISTS
def test_ids_of_any_batch_are_found_in_a_list(numbers: Sequence[int]) -> None:
    ascending = chosen(numbers)
    known = set(ascending.to_pylist())
    for window in windows(IDS):
        expected = [each in known for each in window.to_pylist()]
        assert is_among(window, ascending).to_pylist() == expected
        assert is_among(pa.chunked_array([window]), ascending).to_pylist() == expected


@LISTS
def test_rows_of_any_batch_whose_ids_are_in_a_list_are_left_out(numbers: Sequence[int]) -> None:
    ascending = chosen(numbers)
    gone = set(ascending.to_pylist())
    for window in windows(pa.record_batch({"contribution_id": IDS})):
        expected = [each for each in window["contribution_id"].to_pylist() if each not in gone]
        assert without(window, ascending)["contribution_id"].to_pylist() == expected


def test_values_are_found_by_id_and_null_where_there_are_none() -> None:
    ids = pa.array(["a", "b", "c"])
    others = pa.table({ID: ["_", "a", "c", "d"], "number": [0, 1, 3, 4]})
    for table in (others, pa.concat_tables([others[:2], others[2:]])):
        assert values_of(ids, table, "number").to_pylist() == [1, None, 3]
        assert values_of(ids[::-1], table, "number").to_pylist() == [3, None, 1]
    assert values_of(ids, others[:0], "number").to_pylist() == [None] * 3
    assert values_of(ids[:0], others, "number").to_pylist() == []


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [("", None, "abc"), ("b", "b", "b"), ("aa", "bb", "b"), ("d", None, ""), ("c", "a", "")],
)
def test_ids_between_two_are_found(first: str, last: str | None, expected: str) -> None:
    ascending = pa.array(list("abc"), NO_IDS.type)
    assert ids_between(ascending, first, last).to_pylist() == list(expected)
