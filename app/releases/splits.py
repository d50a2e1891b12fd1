"""The splits `train` and `test`, which follow from one text of a row alone.

A row is in `test` when the first four bytes of the SHA-256 of the text, as a big-endian number,
modulo 100, are below the release's `test_percent`; else it is in `train`. So it is in the same
split in every release with the same `test_percent`, a larger test split contains every smaller one,
and anyone can compute the split of a row. The text is the contribution_id of a conversation, and
the question of a preference.
"""

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

import numpy as np
import pyarrow as pa

Split = Literal["train", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "test")

_HUNDRED: Final = 100


def divide(
    batch: pa.RecordBatch, keys: Iterable[str], test_percent: int
) -> dict[Split, pa.RecordBatch]:
    """Return the rows of each split, in their order.

    Args:
        batch: Any rows.
        keys: The text of each row that decides on its split.
        test_percent: Percentage of the texts that are in `test`.
    """
    percentiles = np.fromiter(map(_percentile, keys), np.int64, batch.num_rows)
    is_test = percentiles < test_percent
    return {"train": batch.filter(pa.array(~is_test)), "test": batch.filter(pa.array(is_test))}


def _percentile(text: str) -> int:
    """Return a number from 0 to 99, which is computed from the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % _HUNDRED
