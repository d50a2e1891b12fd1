"""The splits `train` and `test`, which follow from a contribution's id alone.

A contribution is in `test` when the first four bytes of the SHA-256 of its contribution_id, as a
big-endian number, modulo 100, are below the release's `test_percent`; else it is in `train`. So it
is in the same split in every release with the same `test_percent`, a larger test split contains
every smaller one, and anyone can compute the split of a contribution.
"""

import hashlib
from typing import Final, Literal

import numpy as np
import pyarrow as pa

Split = Literal["train", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "test")

_HUNDRED: Final = 100


def divide(batch: pa.RecordBatch, test_percent: int) -> dict[Split, pa.RecordBatch]:
    """Return the rows of each split, in their order.

    Args:
        batch: Rows with the column contribution_id.
        test_percent: Percentage of the contributions that are in `test`.
    """
    is_test = _percentiles(batch["contribution_id"]) < test_percent
    return {"train": batch.filter(pa.array(~is_test)), "test": batch.filter(pa.array(is_test))}


def _percentiles(ids: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return for each id a number from 0 to 99, which is computed from the id alone."""
    digests = (hashlib.sha256(text.encode()).digest() for text in ids.to_pylist())
    return np.fromiter((int.from_bytes(d[:4]) % _HUNDRED for d in digests), np.int64, len(ids))
