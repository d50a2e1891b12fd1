"""The canonical JSON of columns of conversations, as RFC 8785 defines it.

Arrow's kernels and numpy write it for all conversations at once, at a fraction of what it takes to
make Python's objects of them. https://www.rfc-editor.org/rfc/rfc8785
"""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.ingest.decoding.buffers import buffer_of, joined

_TEXT: Final = pa.large_string()
_BLOCK_BYTES: Final = 256 * 1024
"""Text that is escaped at once. It fits in a processor's cache, and is smaller than what malloc
gives back to the system each time."""

_encode = msgspec.json.Encoder().encode
_QUOTATION_MARK, _BACKSLASH = b'"\\'
_CONTROL_CHARACTERS: Final = 0x20
"""The characters with lower codes are control characters."""
_ESCAPES: Final = {
    code: _encode(chr(code))[1:-1]
    for code in (*range(_CONTROL_CHARACTERS), _QUOTATION_MARK, _BACKSLASH)
}
"""The spelling of each character that JSON has to escape, by the character's code."""
_ADDED_BYTES: Final = np.array([len(_ESCAPES.get(code, b" ")) - 1 for code in range(256)])
"""For each code, how many bytes longer than the character its spelling is."""


def canonical_texts(conversations: pa.LargeListArray) -> Iterator[memoryview]:
    """Yield the canonical JSON of each conversation.

    Args:
        conversations: Lists of turns, none of them empty. Of the fields of turns, the first five
            are written, which are those that every turn has.
    """
    turns = conversations.flatten()
    lengths = conversations.value_lengths().to_numpy()
    ends = np.cumsum(lengths)
    are_later, are_last = np.ones(len(turns), np.bool_), np.zeros(len(turns), np.bool_)
    are_later[ends - lengths], are_last[ends - 1] = False, True
    texts = pc.binary_join_element_wise(
        pc.if_else(pa.array(are_later), _text(',{"content":"'), _text('[{"content":"')),
        _escaped(turns.field("content")),
        _edited_contents(turns.field("edited_content")),
        _endings(turns, are_last),
        _text(""),
    )
    offsets, text = buffer_of(texts)
    view = memoryview(text)
    for start, end in zip(offsets[ends - lengths].tolist(), offsets[ends].tolist(), strict=True):
        yield view[start:end]


def _edited_contents(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return what each turn has after the text of `content`, up to the end of `edited_content`."""
    absent = _text('","edited_content":null')
    if texts.null_count == len(texts):
        return absent
    given = _text('","edited_content":"')
    return pc.binary_join_element_wise(given, _escaped(texts), _text('"'), _text("")).fill_null(
        absent
    )


def _endings(turns: pa.StructArray, are_last: NDArray[np.bool_]) -> pa.LargeStringArray:
    """Return what each turn has after `edited_content`: few turns differ in it.

    Args:
        turns: The turns.
        are_last: For each turn whether it is the last one of its conversation.
    """
    columns = {
        name: turns.field(name).dictionary_encode("encode")
        for name in ("rating", "role", "stopped")
    }
    # Each combination of values has a number, from which they follow again.
    numbers = are_last.astype(np.int64)
    for column in columns.values():
        numbers = numbers * len(column.dictionary) + column.indices.to_numpy()
    combinations = pa.array(numbers).dictionary_encode()
    rest = combinations.dictionary.to_numpy()
    values = {}
    for name, column in reversed(columns.items()):
        rest, places = np.divmod(rest, len(column.dictionary))
        values[name] = column.dictionary.take(pa.array(places)).to_pylist()
    members = zip(values["rating"], values["role"], values["stopped"], rest.tolist(), strict=True)
    texts = [
        b',"rating":%b,"role":%b,"stopped":%b}%b'
        % (_encode(rating), _encode(role), _encode(stopped), b"]" if is_last else b"")
        for rating, role, stopped, is_last in members
    ]
    return pa.array(texts, _TEXT).take(combinations.indices)


def _escaped(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts as JSON spells them between quotation marks."""
    offsets, text = buffer_of(texts)
    first, last = int(offsets[0]), int(offsets[-1])
    blocks, places, added = [], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(first, last, _BLOCK_BYTES):
        block = text[start : min(start + _BLOCK_BYTES, last)].to_pybytes()
        characters = np.frombuffer(block, np.uint8)
        found = np.flatnonzero(
            (characters < _CONTROL_CHARACTERS)
            | (characters == _QUOTATION_MARK)
            | (characters == _BACKSLASH)
        )
        codes = characters[found]
        # The backslash, which is in all spellings, has the highest code and so is the first.
        for code in reversed(np.flatnonzero(np.bincount(codes)).tolist()):
            block = block.replace(bytes([code]), _ESCAPES[code])
        blocks.append(block)
        places.append(found + start)
        added.append(_ADDED_BYTES[codes])
    before = np.append(0, np.cumsum(np.concatenate(added)))
    moved = offsets - first + before[np.searchsorted(np.concatenate(places), offsets)]
    validity = texts.is_valid().buffers()[1] if texts.null_count else None
    return pa.LargeStringArray.from_buffers(
        len(texts), pa.py_buffer(moved), joined(blocks), validity
    )


def _text(value: str) -> pa.LargeStringScalar:
    return pa.scalar(value, _TEXT)
