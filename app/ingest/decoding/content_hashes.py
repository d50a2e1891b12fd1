"""The content hashes of conversations, by which repetitions are recognised."""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.ingest.decoding.canonical_json import canonical_texts
from catalog.records import Turn

_canonical: Final = msgspec.json.Encoder(order="sorted")


def content_hash(conversation: Sequence[Turn]) -> str:
    """Return the SHA-256, in hexadecimal, of a conversation in canonical JSON.

    That is an array of turns, each an object of the first five fields and those of the others that
    were given, written as in RFC 8785: keys sorted, no white space, UTF-8 without needless escapes.
    Times are in UTC, and what is in a call of a tool or an attachment and wasn't given is left out.
    """
    return hashlib.sha256(_canonical.encode(conversation)).hexdigest()


FIRST_FIELDS: Final = frozenset(msgspec.to_builtins(Turn("")))
"""The fields of a turn that are always written."""


def content_hashes(conversations: pa.LargeListArray) -> pa.LargeStringArray:
    """Return what `content_hash` returns for each conversation.

    Args:
        conversations: Lists of turns, with the type that the raw table has for them.
    """
    are_rich = _have_other_fields(conversations)
    if not are_rich.any():
        return pa.array(_hashes_of_first_fields(conversations), pa.large_string())
    hashes = np.empty(len(conversations), np.object_)
    rich = conversations.filter(pa.array(are_rich)).to_pylist()
    hashes[are_rich] = [
        content_hash(turns) for turns in msgspec.convert(rich, list[tuple[Turn, ...]])
    ]
    hashes[~are_rich] = _hashes_of_first_fields(conversations.filter(pa.array(~are_rich)))
    return pa.array(hashes, pa.large_string())


def _hashes_of_first_fields(conversations: pa.LargeListArray) -> list[str]:
    return [hashlib.sha256(text).hexdigest() for text in canonical_texts(conversations)]


def _have_other_fields(conversations: pa.LargeListArray) -> NDArray[np.bool_]:
    """Tell for each conversation whether a turn has more than the first fields."""
    turns = conversations.flatten()
    are_rich = np.zeros(len(turns), np.bool_)
    for field in turns.type:
        values = turns.field(field.name)
        if field.name not in FIRST_FIELDS and values.null_count < len(values):
            are_rich |= values.is_valid().to_numpy(zero_copy_only=False)
    before = np.append(0, np.cumsum(are_rich))
    ends = np.cumsum(conversations.value_lengths())
    return np.diff(np.append(0, before[ends])) > 0
