"""Telling by the bounds of their columns which data files may hold rows that meet a condition.

It looks at the files of a manifest together, as columns of Arrow. The rules are those of Iceberg's
inclusive metrics: https://iceberg.apache.org/spec/#scan-planning
"""

from collections.abc import Collection, Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyiceberg.expressions import (
    AlwaysFalse,
    And,
    BooleanExpression,
    BoundEqualTo,
    BoundGreaterThan,
    BoundGreaterThanOrEqual,
    BoundIn,
    BoundIsNull,
    BoundLessThan,
    BoundLessThanOrEqual,
    BoundNotNull,
    BoundPredicate,
    BoundTerm,
    Or,
)

ROWS: Final = "rows"
LOWER: Final = "lower."
UPPER: Final = "upper."
NULLS: Final = "nulls."
MOST_VALUES: Final = 200
"""Number of values in a condition above which files aren't compared with each of them."""

_COMPARISONS: Final[Mapping[type[Any], tuple[str, Any]]] = {
    BoundLessThan: (LOWER, pc.less),
    BoundLessThanOrEqual: (LOWER, pc.less_equal),
    BoundGreaterThan: (UPPER, pc.greater),
    BoundGreaterThanOrEqual: (UPPER, pc.greater_equal),
}
"""Conditions by which a value lies on one side of another, with the bound that decides."""

Mask = NDArray[np.bool_]


def may_match(files: pa.Table, condition: BooleanExpression) -> Mask:
    """Tell for each file whether it may hold a row that meets a condition.

    Args:
        files: The files, as `catalog.manifests.cache.files_in` returns them.
        condition: The condition, bound to the table's schema and without Not. What isn't known
            here doesn't leave any file out.
    """
    match condition:
        case And():
            return may_match(files, condition.left) & may_match(files, condition.right)
        case Or():
            return may_match(files, condition.left) | may_match(files, condition.right)
        case AlwaysFalse():
            return np.zeros(files.num_rows, np.bool_)
        case BoundIsNull():
            return _maybe(files, NULLS, condition.term, pc.not_equal, 0)
        case BoundPredicate():
            return _may_have_value(files, condition)
    return _every(files)


def _may_have_value(files: pa.Table, condition: BoundPredicate) -> Mask:
    """Tell for each file whether a column may have a value that meets a condition."""
    fits = _every(files)
    for kind, (bound, compare) in _COMPARISONS.items():
        if isinstance(condition, kind):
            fits = _maybe(files, bound, condition.term, compare, condition.literal.value)
    if isinstance(condition, BoundEqualTo):
        fits = _may_be_among(files, condition.term, {condition.literal.value})
    if isinstance(condition, BoundIn) and len(condition.value_set) <= MOST_VALUES:
        fits = _may_be_among(files, condition.term, condition.value_set)
    return fits & _has_values(files, condition.term) if _needs_value(condition) else fits


def _needs_value(condition: BoundPredicate) -> bool:
    """Tell whether a null can't meet a condition."""
    return isinstance(condition, (*_COMPARISONS, BoundEqualTo, BoundIn, BoundNotNull))


def _may_be_among(files: pa.Table, term: BoundTerm, values: Collection[Any]) -> Mask:
    within = (
        _maybe(files, LOWER, term, pc.less_equal, value)
        & _maybe(files, UPPER, term, pc.greater_equal, value)
        for value in values
    )
    return reduce(or_, within)


def _has_values(files: pa.Table, term: BoundTerm) -> Mask:
    """Tell which files may have a value in a column, by their number of nulls."""
    return _maybe(files, NULLS, term, pc.not_equal, files[ROWS])


def _maybe(files: pa.Table, kind: str, term: BoundTerm, compare: Any, with_what: Any) -> Mask:
    """Compare what the manifest tells of a column; true for files of which it tells nothing."""
    name = f"{kind}{term.ref().field.field_id}"
    if name not in files.column_names:
        return _every(files)
    compared: Mask = pc.fill_null(compare(files[name], with_what), fill_value=True).to_numpy()
    return compared


def _every(files: pa.Table) -> Mask:
    return np.ones(files.num_rows, np.bool_)
