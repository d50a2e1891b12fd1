import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pyarrow as pa
import pytest

from app.api.csv_stream import csv_stream
from catalog.columns.rows import every_column

FORMULAS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "'"]
HARMLESS = ["", "plain", " =1", "a=1", '"=1"', "\u00e9 \U0001f995", "two\r\nlines", "a,b;c"]


def written(**columns: Any) -> bytes:
    batch = pa.RecordBatch.from_pydict(columns)
    return b"".join(csv_stream([batch], batch.schema, every_column))


def cells(**columns: Any) -> list[list[str]]:
    """Return the rows that Python's own reader of CSV finds, without the header."""
    return list(csv.reader(StringIO(written(**columns).decode(), newline="")))[1:]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_text_that_a_spreadsheet_would_run_is_marked_as_text(formula: str) -> None:
    assert cells(text=[formula], more=["x"]) == [[f"'{formula}", "x"]]


@pytest.mark.parametrize("text", HARMLESS)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert cells(text=[text], more=["x"]) == [[text, "x"]]


def test_removing_one_apostrophe_restores_every_text() -> None:
    texts = FORMULAS + HARMLESS
    found = [row[0].removeprefix("'") for row in cells(text=texts, more=["x"] * len(texts))]
    assert found == texts


def test_a_formula_in_the_name_of_a_column_is_marked_as_text() -> None:
    assert written(**{"=1+1": [1]}).splitlines()[0] == b"'=1+1"


def test_numbers_and_truths_are_written_as_in_json() -> None:
    columns = {"whole": [-1, None], "real": [-0.5, 1e300], "truth": [True, False]}
    assert cells(**columns) == [["-1", "-0.5", "true"], ["", "1e300", "false"]]


def test_times_and_other_values_are_written_as_in_json() -> None:
    columns = {
        "time": [datetime(2026, 3, 1, 12, tzinfo=UTC)],
        "day": [date(2026, 3, 1)],
        "exact": [Decimal("1.50")],
        "bytes": [b"\x00\xff"],
    }
    assert cells(**columns) == [["2026-03-01T12:00:00Z", "2026-03-01", "1.50", "AP8="]]


def test_lists_and_structs_are_json_in_one_cell() -> None:
    (row,) = cells(turns=[[{"content": '=1,"x"\n', "rating": None}]], more=["x"])
    assert row == ['[{"content":"=1,\\"x\\"\\n","rating":null}]', "x"]


def test_lines_end_and_texts_are_quoted_as_rfc_4180_has_it() -> None:
    assert written(a=['say "hi"', "two\r\nlines"], b=["x,y", None]) == (
        b'a,b\r\n"say ""hi""","x,y"\r\n"two\r\nlines",\r\n'
    )
