"""Rows that a scorer couldn't be asked about when they were cleaned: later builds ask again."""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc


def is_unscored(scores: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Tell for each row whether a scorer couldn't be asked about it.

    Args:
        scores: The column `scores`, in which an element without a category says so.
    """
    values = scores.combine_chunks() if isinstance(scores, pa.ChunkedArray) else scores
    if values.null_count == len(values):
        return pa.repeat(pa.scalar(value=False), len(values))
    rows = pc.list_parent_indices(values)
    is_missing = pc.is_null(pc.struct_field(pc.list_flatten(values), "category"))
    numbers = pa.array(range(len(values)), rows.type)
    return pc.is_in(numbers, rows.filter(is_missing).unique())


def unscored_digest(digest: str) -> str:
    """Return the digest of a chunk of `cleaned` with such a row.

    It isn't the digest that the next build expects, so that build asks again.

    Args:
        digest: The digest of the chunk if it had no such row.
    """
    return hashlib.sha256(f"{digest} unscored".encode()).hexdigest()
