"""The splits: a contribution is in the same one in every release that it is in.

It is in `test` when the first four bytes of the SHA-256 of its contribution_id, as a big-endian
number, modulo 100, are below the release's `test_percent`; else in `train`. So a larger test split
holds the smaller one, and anyone can work it out.
"""

import hashlib
from typing import Final, Literal

import numpy as np
import pyarrow as pa

Split = Literal["train", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "test")

_HUNDRED: Final = 100


def divide(batch: pa.RecordBatch, test_percent: int) -> dict[Split, pa.RecordBatch]:
    """Return the rows of each split, in their order."""
    is_test = _shares(batch["contribution_id"]) < test_percent
    return {"train": batch.filter(pa.array(~is_test)), "test": batch.filter(pa.array(is_test))}


def _shares(ids: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return for each id a number from 0 to 99 that follows from it."""
    digests = (hashlib.sha256(text.encode()).digest() for text in ids.to_pylist())
    return np.fromiter((int.from_bytes(d[:4]) % _HUNDRED for d in digests), np.int64, len(ids))
