"""The contributors of some rows as bytes."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.query.row_index.contributors import (
    NO_CONTRIBUTOR,
    SUMS_SCHEMA,
    Term,
    encode,
    gather,
    key_of,
    positions_in,
    summed,
)

FIRST, SECOND, THIRD = "01" * 16, "01" * 15 + "02", "ff" * 16


def rows(*contributors: str | None, turns: int = 2) -> pa.RecordBatch:
    conversations = [[{"stopped": False}] * turns] * len(contributors)
    kind = pa.large_list(pa.struct([("stopped", pa.bool_())]))
    columns = {
        "contributor_id": pa.array(contributors, pa.large_string()),
        "conversation": pa.array(conversations, kind),
    }
    return pa.record_batch(columns)


def term(number: int, *contributors: str | None, sign: int = 1, day: int | None = None) -> Term:
    buckets = gather([rows(*contributors)])
    assert buckets is not None
    return Term(number, buckets[number].sums, sign, day)


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.sampled_from([FIRST, SECOND, THIRD, "00" * 16]))),
        max_size=3,
    )
)
def test_the_rows_of_each_contributor_are_found(batches: list[list[str | None]]) -> None:
    buckets = gather(rows(*batch) for batch in batches)
    assert buckets is not None
    in_order = [contributor for batch in batches for contributor in batch]
    for contributor in {*in_order} - {None}:
        key = key_of(str(contributor))
        assert key is not None
        found = positions_in(buckets[key[0]], key).to_pylist()
        assert found == [row for row, each in enumerate(in_order) if each == contributor]
    nobody = summed(
        [Term(NO_CONTRIBUTOR, buckets[NO_CONTRIBUTOR].sums, 1)] if None in in_order else []
    )
    assert sum(nobody["contributions"].to_pylist()) == in_order.count(None)


def test_bytes_between_two_ids_are_no_contributor() -> None:
    first, second = "12" * 15 + "56", "12" * 14 + "5678"
    buckets = gather([rows(first, second)])
    assert buckets is not None
    shifted = bytes.fromhex(first + second)[8:24]
    assert shifted in buckets[0x12].sums
    assert positions_in(buckets[0x12], shifted).to_pylist() == []


@pytest.mark.parametrize("foreign", ["ada", "", "0A" * 16, "01" * 17, "g" * 32])
def test_ids_of_other_engines_are_not_indexed(foreign: str) -> None:
    assert gather([rows(FIRST, foreign)]) is None
    assert key_of(foreign) is None


def test_sums_add_and_take_away() -> None:
    terms = [
        term(1, FIRST, FIRST, SECOND),
        term(1, SECOND, sign=-1),
        term(NO_CONTRIBUTOR, None, None),
    ]
    found = summed(terms).to_pylist()
    assert sorted(found, key=lambda row: str(row["contributor_id"])) == [
        {"day": None, "contributor_id": None, "contributions": 2, "turns": 4},
        {"day": None, "contributor_id": bytes.fromhex(FIRST), "contributions": 2, "turns": 4},
    ]


def test_sums_by_day_keep_days_apart() -> None:
    terms = [term(1, FIRST, day=day) for day in (0, 0, 1)]
    assert [(row["day"], row["contributions"]) for row in summed(terms).to_pylist()] == [
        (date(1970, 1, 1), 2),
        (date(1970, 1, 2), 1),
    ]


def test_encoded_sums_are_terms_again() -> None:
    once = term(1, SECOND, FIRST)
    twice = summed([once, once])
    assert summed([Term(1, encode(twice), 1)]).sort_by("contributor_id") == twice.sort_by(
        "contributor_id"
    )
    assert encode(SUMS_SCHEMA.empty_table()) == b""
    assert summed([]).schema == SUMS_SCHEMA
