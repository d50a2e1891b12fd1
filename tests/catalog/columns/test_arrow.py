from collections.abc import Iterator
from datetime import UTC
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.columns.arrow import row_groups, to_arrow
from catalog.records import Client, Contribution
from catalog.schema import ARROW_SCHEMA, ROW_GROUP_ROWS
from tests.batches import sizes_around
from tests.factories import make_contribution
from tests.strategies import conversations, rich_conversations

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_NAME = _TEXT.filter(bool)
_CONTRIBUTIONS = st.lists(
    st.builds(
        make_contribution,
        conversation=conversations(_TEXT) | rich_conversations(_NAME),
        source=st.none() | _TEXT,
        contributor_id=st.none() | _TEXT,
        attribution=st.none() | _TEXT,
        prompt_template=st.none() | _TEXT,
        chat_template=st.none() | _TEXT,
        created_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        title=st.none() | _NAME,
        client=st.none() | st.builds(Client, _NAME, st.none() | _NAME),
        licence=st.none() | _NAME,
        tools=st.none() | _NAME,
        labels=st.none() | st.dictionaries(_NAME, _TEXT, min_size=1, max_size=3),
    ),
    max_size=6,
)


def _as_row(contribution: Contribution) -> dict[str, Any]:
    row: dict[str, Any] = _as_value(contribution)
    labels = contribution.labels and list(contribution.labels.items())
    return {**row, "labels": labels, "sequence_number": None}


def _as_value(value: Any) -> Any:
    """Return a value with dicts for structs and lists for tuples, as Arrow gives them."""
    match value:
        case tuple():
            return list(map(_as_value, value))
        case msgspec.Struct():
            fields = msgspec.structs.asdict(value)
            return {name: _as_value(given) for name, given in fields.items()}
    return value


@pytest.mark.slow
@given(_CONTRIBUTIONS)
def test_every_value_of_every_contribution_is_in_its_row(contributions: list[Contribution]) -> None:
    table = to_arrow(contributions)
    assert table.schema == ARROW_SCHEMA
    assert table.to_pylist() == [_as_row(contribution) for contribution in contributions]


def test_no_contributions_make_an_empty_table_with_the_schema() -> None:
    table = to_arrow([])
    assert table.num_rows == 0
    assert table.schema == ARROW_SCHEMA


def test_a_fresh_row_has_no_sequence_number_of_its_own() -> None:
    assert to_arrow([make_contribution()]).column("sequence_number").to_pylist() == [None]


def _batches(*sizes: int) -> list[pa.RecordBatch]:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [
        pa.record_batch({"n": pa.array(range(end - size, end), pa.int64())})
        for end, size in zip(ends, sizes, strict=True)
    ]


@pytest.mark.slow
@given(st.lists(st.integers(0, 3 * ROW_GROUP_ROWS), max_size=8))
@example([0, *sizes_around(ROW_GROUP_ROWS), 0])
def test_row_groups_are_full_but_the_last_and_keep_every_row_in_order(sizes: list[int]) -> None:
    groups = list(row_groups(_batches(*sizes)))
    rows = sum(sizes)
    full, rest = divmod(rows, ROW_GROUP_ROWS)
    assert [group.num_rows for group in groups] == [ROW_GROUP_ROWS] * full + [rest] * bool(rest)
    if groups:
        assert pa.concat_tables(groups).column("n").to_pylist() == list(range(rows))


def test_a_row_group_is_yielded_before_later_batches_are_read() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from _batches(ROW_GROUP_ROWS)
        pytest.fail("read on before it was asked to")

    assert next(row_groups(batches())).num_rows == ROW_GROUP_ROWS
