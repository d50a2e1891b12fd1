"""Medians of columns of numbers, against exact ones."""

from random import Random
from statistics import median_low

import pyarrow as pa
import pytest

from app.releases.counts.numbers import NumberTally


def medians(*batches: pa.RecordBatch) -> dict[str, float]:
    tally = NumberTally()
    for batch in batches:
        tally.add(batch)
    return tally.medians()


def test_small_numbers_have_their_exact_median_however_they_are_cut() -> None:
    rows = pa.RecordBatch.from_pydict({"turns": [5, 1, None, 2, 1, 1023, 4]})
    assert medians(rows) == {"turns": 2}
    assert medians(rows.slice(4), rows.slice(0, 2), rows.slice(2, 2)) == {"turns": 2}


def test_parts_of_columns_have_their_own_medians_and_other_columns_none() -> None:
    rows = pa.RecordBatch.from_pylist(
        [
            {"masked": {"email": 1, "by": {"phone": 2}}, "text": "a", "is": True, "scores": [1]},
            {"masked": None, "text": "b", "is": False, "scores": [2]},
        ]
    )
    assert medians(rows) == {"masked.by.phone": 2, "masked.email": 1}


def test_numbers_that_name_something_have_no_median() -> None:
    assert medians(pa.RecordBatch.from_pydict({"sequence_number": [1], "prompt_group": [2]})) == {}


def test_what_is_no_number_is_left_out() -> None:
    values = [float("nan"), float("inf"), -0.25, None]
    assert medians(pa.RecordBatch.from_pydict({"a": values})) == {"a": -0.25}
    assert medians(pa.RecordBatch.from_pydict({"a": pa.nulls(2, pa.float64())})) == {}
    assert medians() == {}


def test_other_medians_are_within_a_thousandth() -> None:
    random = Random(3)  # noqa: S311  # numbers, not a secret
    for scale in (1e-9, 1.0, 1e12):
        values = [random.gauss(1, 3) * scale for _ in range(999)]
        (found,) = medians(pa.RecordBatch.from_pydict({"a": values})).values()
        assert found == pytest.approx(median_low(values), rel=1e-3)
