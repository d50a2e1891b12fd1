"""The content hashes of conversations, by which repetitions are recognised."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from catalog.records import Turn

if TYPE_CHECKING:
    import duckdb

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


class ContentHasher:
    """Hashes columns of conversations; several threads may do so at once.

    For conversations with the first five fields only, DuckDB writes the canonical JSON, at a
    fraction of what Python takes, and without its lock. Python hashes it, since DuckDB doesn't use
    the processor's instructions for SHA-256. Of what wasn't given, DuckDB would write nulls, so
    Python writes the JSON of the others, too.
    """

    def __init__(self) -> None:
        self._database: duckdb.DuckDBPyConnection | None = None
        self._connecting = Lock()

    def hash(self, conversations: pa.LargeListArray) -> pa.LargeStringArray:
        """Return what `content_hash` returns for each conversation.

        Args:
            conversations: Lists of turns, with the type that the raw table has for them. Their
                texts have no control characters but those that JSON escapes by a letter: DuckDB
                writes the others in capital digits, and RFC 8785 in small ones.
        """
        are_rich = _have_other_fields(conversations)
        if not are_rich.any():
            return pa.array(self._hash_first_fields(conversations), pa.large_string())
        hashes = np.empty(len(conversations), np.object_)
        rich = conversations.filter(pa.array(are_rich)).to_pylist()
        hashes[are_rich] = [
            content_hash(turns) for turns in msgspec.convert(rich, list[tuple[Turn, ...]])
        ]
        hashes[~are_rich] = self._hash_first_fields(conversations.filter(pa.array(~are_rich)))
        return pa.array(hashes, pa.large_string())

    def _hash_first_fields(self, conversations: pa.LargeListArray) -> list[str]:
        turns = conversations.flatten()
        names = sorted(FIRST_FIELDS)
        ordered = pa.StructArray.from_arrays([turns.field(name) for name in names], names=names)
        offsets = np.append(0, np.cumsum(conversations.value_lengths()))
        lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), ordered)
        with closing(self._connect().cursor()) as cursor:
            relation = cursor.from_arrow(pa.table({"conversation": lists}))
            texts = relation.project("to_json(conversation) AS text").to_arrow_table()["text"]
        return [hashlib.sha256(text).hexdigest() for text in texts.cast(pa.binary()).to_pylist()]

    def _connect(self) -> "duckdb.DuckDBPyConnection":
        # Imported and connected when first needed: most processes never take an upload, and a
        # connection doesn't outlive a fork.
        import duckdb  # noqa: PLC0415  # not at the start

        with self._connecting:
            self._database = self._database or duckdb.connect(config={"threads": 1})
            return self._database


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
