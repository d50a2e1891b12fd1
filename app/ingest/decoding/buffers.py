"""Texts in Arrow's memory."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def joined(pieces: Collection[bytes]) -> pa.Buffer:
    """Return the pieces of a text, joined.

    Arrow keeps the memory for the next text of an upload. That of a large text of Python's would go
    back to the system, and getting it again takes longer than joining the pieces.
    """
    buffer = pa.allocate_buffer(sum(map(len, pieces)))
    writer = pa.FixedSizeBufferWriter(buffer)
    for piece in pieces:
        writer.write(piece)
    return buffer


def buffer_of(texts: pa.LargeStringArray) -> tuple[NDArray[np.int64], pa.Buffer]:
    """Return the buffer that holds texts, without a copy.

    Returns:
        Where in the buffer each text begins, and where the last one ends; and the buffer, which may
        hold other texts, too.
    """
    _, offsets, text = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset :][: len(texts) + 1]
    return bounds, pa.py_buffer(b"") if text is None else text
