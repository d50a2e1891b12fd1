from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from app.query.sql.queries import SqlResult
from app.site.rendering import results
from app.site.rendering.results import tabulate


def result_of(columns: dict[str, list[Any]]) -> SqlResult:
    """Return the result of a query with some columns."""
    table = pa.table(columns)
    return SqlResult(table.schema, table.to_batches(), None)


def test_columns_of_one_name_keep_their_values() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array(["a"])], names=["x", "x"])
    table = tabulate(SqlResult(batch.schema, [batch], None))
    assert [cell.text for cell in table.rows[0]] == ["1", "a"]


def test_a_result_without_rows_or_columns_is_a_table() -> None:
    empty = tabulate(result_of({"a": pa.array([], pa.int64())}))
    assert (empty.rows, empty.row_count, empty.chart) == ([], 0, None)
    assert tabulate(SqlResult(pa.schema([]), [], None)).columns == []


def test_ids_of_contributions_lead_to_their_pages() -> None:
    table = tabulate(result_of({"contribution_id": ["0198"], "other": ["0198"]}))
    assert [cell.address for cell in table.rows[0]] == ["/conversations/0198", None]


def test_no_more_is_shown_than_the_limits_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MAX_ROWS", 3)
    table = tabulate(result_of({"a": list(range(9)), "b": list(range(9))}))
    assert (len(table.rows), table.row_count) == (3, 9)
    # A part of the rows would make another chart than all of them.
    assert table.chart is None
    monkeypatch.setattr(results, "MAX_TEXT_CHARACTERS", 100)
    assert len(tabulate(result_of({"a": ["x" * 90] * 9})).rows) == 2


@pytest.mark.parametrize(
    ("columns", "chart", "values"),
    [
        (
            {"day": [date(2026, 1, 2), None, date(2026, 1, 1)], "n": [1, 2, 3]},
            "time",
            [["2026-01-01", 3], ["2026-01-02", 1]],
        ),
        ({"x": [2, 1], "y": [1.5, float("nan")]}, "number", [[2, 1.5]]),
        ({"role": ["user", None], "n": [3, 2]}, "bars", [["user", 3], ["null", 2]]),
        ({"role": ["user", "tool"], "n": [3, -2]}, None, []),
        ({"role": ["user", "tool"], "text": ["a", "b"]}, None, []),
        ({"only": [1, 2]}, None, []),
        ({"x": [1], "y": [1]}, None, []),
        ({name: [1, 2] for name in "abcde"}, None, []),
    ],
)
def test_a_chart_is_drawn_where_one_fits(
    columns: dict[str, list[Any]], chart: str | None, values: list[list[Any]]
) -> None:
    table = tabulate(result_of(columns))
    assert table.chart == chart
    assert table.values == values
