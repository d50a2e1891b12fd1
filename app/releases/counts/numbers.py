"""Medians of the columns of numbers of a release.

Numbers are counted by their value, rounded to ten binary digits. So memory is bounded, and a median
is the same however the rows are cut into batches. It is within a thousandth of the exact one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from catalog.schema import SEQUENCE_NUMBER
from catalog.stages.tables import PROMPT_GROUP

_NAMES: Final = frozenset({SEQUENCE_NUMBER, PROMPT_GROUP})
"""Columns whose numbers name something, of which a median tells nothing."""
_STEPS: Final = 2**10
"""Into how many steps the mantissa of a number is rounded, which is from 0.5 to 1."""


class NumberTally:
    """Counts the numbers of the rows of a release, by column."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[float]] = defaultdict(Counter)

    def add(self, rows: pa.RecordBatch) -> None:
        """Count the numbers of published rows, without those that are infinite or no number."""
        for name, column in _numbers(rows):
            values = column.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
            found, times = np.unique(_rounded(values[np.isfinite(values)]), return_counts=True)
            self._counts[name].update(dict(zip(found.tolist(), times.tolist(), strict=True)))

    def medians(self) -> dict[str, float]:
        """Return the median of each column of numbers that has any, to four digits.

        A part of a column has the names of what it is a part of, with dots between them.
        """
        return {name: _median(counts) for name, counts in sorted(self._counts.items()) if counts}


def _numbers(rows: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    """Yield the columns of numbers, and such parts of columns that are structs."""
    named = zip(rows.schema.names, rows.columns, strict=True)
    columns = [(name, column) for name, column in named if name not in _NAMES]
    while columns:
        name, column = columns.pop()
        if pa.types.is_struct(column.type):
            columns += [
                (f"{name}.{part.name}", pc.struct_field(column, part.name)) for part in column.type
            ]
        elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            yield name, column


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    mantissas, exponents = np.frexp(values)
    return np.ldexp(np.round(mantissas * _STEPS) / _STEPS, exponents)


def _median(counts: Counter[float]) -> float:
    """Return the least value that half of the values don't exceed."""
    ascending, total = sorted(counts), counts.total()
    reached = accumulate(counts[value] for value in ascending)
    median = next(
        value for value, number in zip(ascending, reached, strict=True) if 2 * number >= total
    )
    return float(f"{median:.4g}")
