"""Ways to cut rows into batches: none, one, as a scan of a large lake does, and as slices."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa
import pytest

import app.releases.order
import catalog.fragments
import catalog.turns
from catalog.fragments import BATCH_ROWS

_OFFSETS: Final = (0, 3)


def sizes_around(batch_rows: int) -> tuple[int, ...]:
    """Return numbers of rows: none, one, those at a batch's border, and two batches plus one."""
    return (0, 1, batch_rows - 1, batch_rows, batch_rows + 1, 2 * batch_rows + 1)


SIZES: Final = sizes_around(BATCH_ROWS)
ROWS: Final = max(SIZES) + max(_OFFSETS)
"""So many rows have windows of all `SIZES`."""
FEW_ROWS: Final = (1, 2, 3)
"""Rows of a batch for `scan_in_batches`: a few rows are then many batches, and parts of one."""


def windows(rows: Any, sizes: tuple[int, ...] = SIZES) -> Iterator[Any]:
    """Yield the first rows of an array or a batch, and rows from its middle, of these sizes."""
    for size in sizes:
        for offset in _OFFSETS:
            window = rows.slice(offset, size)
            assert len(window) == size
            yield window


def assert_row_by_row(
    function: Callable[[Any], Any], rows: Any, sizes: tuple[int, ...] = SIZES
) -> None:
    """Check that a function makes the same of a row, whatever rows are beside it.

    Args:
        function: Makes an array or a batch of as many rows.
        rows: An array or a batch that has windows of these sizes.
        sizes: How many rows the function is given at once.
    """
    whole = function(rows)
    assert len(whole) == len(rows)
    expected = windows(whole, sizes)
    for window, wanted in zip(windows(rows, sizes), expected, strict=True):
        found = function(window)
        found.validate(full=True)
        assert found.equals(wanted)


def cut(rows: pa.RecordBatch, batch_rows: int = BATCH_ROWS) -> list[pa.RecordBatch]:
    """Return rows as slices of so many, with an empty batch before and after each of them.

    A scan yields an empty batch where a condition leaves out all rows of one.
    """
    nothing = rows.slice(0, 0)
    batches = [nothing]
    for start in range(0, rows.num_rows, batch_rows):
        batches += [rows.slice(start, batch_rows), nothing]
    return batches


def scan_in_batches(monkeypatch: pytest.MonkeyPatch, batch_rows: int) -> None:
    """Have scans of the lake yield batches of so many rows."""
    for module in (catalog.fragments, catalog.turns, app.releases.order):
        monkeypatch.setattr(module, "BATCH_ROWS", batch_rows)
