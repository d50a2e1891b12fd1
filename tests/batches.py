"""Ways to cut rows into batches: empty, of one row, as scans of large lakes yield, and slices."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa
import pytest

import app.releases.rows.order
import catalog.reading.fragments
from catalog.reading.fragments import BATCH_ROWS

_OFFSETS: Final = (0, 3)


def sizes_around(batch_rows: int) -> tuple[int, ...]:
    """Return numbers of rows to test: 0, 1, around a batch's size, and two batches plus one."""
    return (0, 1, batch_rows - 1, batch_rows, batch_rows + 1, 2 * batch_rows + 1)


SIZES: Final = sizes_around(BATCH_ROWS)
ROWS: Final = max(SIZES) + max(_OFFSETS)
"""Number of rows that have windows of all `SIZES`."""
FEW_ROWS: Final = (1, 2, 3)
"""Sizes of batches for `scan_in_batches`, with which a few rows make several batches."""


def windows(rows: Any, sizes: tuple[int, ...] = SIZES) -> Iterator[Any]:
    """Yield slices of an array or a batch from its start and from its middle.

    Args:
        rows: An array or a batch with at least `ROWS` rows.
        sizes: Numbers of rows of the slices.
    """
    for size in sizes:
        for offset in _OFFSETS:
            window = rows.slice(offset, size)
            assert len(window) == size
            yield window


def assert_row_by_row(
    function: Callable[[Any], Any], rows: Any, sizes: tuple[int, ...] = SIZES
) -> None:
    """Check that the result of a function for a row doesn't depend on the rows beside it.

    Args:
        function: Returns an array or a batch with as many rows as its argument.
        rows: An array or a batch with enough rows for slices of these sizes.
        sizes: Numbers of rows that the function is given at once.
    """
    whole = function(rows)
    assert len(whole) == len(rows)
    expected = windows(whole, sizes)
    for window, wanted in zip(windows(rows, sizes), expected, strict=True):
        found = function(window)
        found.validate(full=True)
        assert found.equals(wanted)


def cut(rows: pa.RecordBatch, batch_rows: int = BATCH_ROWS) -> list[pa.RecordBatch]:
    """Return rows as slices of a size, with an empty batch before and after each slice.

    A scan yields an empty batch where a condition leaves out all rows of a batch.
    """
    nothing = rows.slice(0, 0)
    batches = [nothing]
    for start in range(0, rows.num_rows, batch_rows):
        batches += [rows.slice(start, batch_rows), nothing]
    return batches


def scan_in_batches(monkeypatch: pytest.MonkeyPatch, batch_rows: int) -> None:
    """Make scans of the lake yield batches of a size."""
    for module in (catalog.reading.fragments, app.releases.rows.order):
        monkeypatch.setattr(module, "BATCH_ROWS", batch_rows)
