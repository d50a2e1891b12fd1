"""Weights of linear models, as files that the repository carries.

Weights are whole numbers, so that their sums are exact, and the same whatever other answers are in
the batch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.curation.rules.curating.arrays import Ints

WEIGHT_UNITS: Final = 1024
"""Number of units in a weight of 1. Files hold whole units."""


def read_weights(path: Path) -> dict[str, Ints]:
    """Return the arrays of a file of weights, by their names."""
    with np.load(path) as arrays:
        return {name: arrays[name].astype(np.int64) for name in arrays.files}


def write_weights(path: Path, weights: Mapping[str, Any], **digests: bytes) -> None:
    """Write a file of weights.

    Args:
        path: The file.
        weights: Weights by the name of their array, as fractions.
        digests: Digests of what the weights depend on, by the name of their array.
    """
    arrays: dict[str, Any] = {
        name: np.rint(np.asarray(values) * WEIGHT_UNITS).astype(np.int32)
        for name, values in weights.items()
    }
    arrays |= {name: np.frombuffer(digest, np.uint8) for name, digest in digests.items()}
    np.savez_compressed(path, **arrays)
