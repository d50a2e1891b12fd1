"""Exact duplicates: rows whose cleaned turns are the same."""

import numpy as np
import pyarrow as pa

from app.curation.rules.curating.words import Ints, numpy


def originals(content_hashes: pa.Array) -> Ints:
    """Return for each row the place of the first one with its hash, its own if it is that one."""
    codes = numpy(content_hashes.dictionary_encode().indices)
    _, first, places = np.unique(codes, return_index=True, return_inverse=True)
    return first[places].astype(np.int64)
