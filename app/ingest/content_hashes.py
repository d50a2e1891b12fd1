"""The content hashes of conversations, by which repetitions are recognised."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa

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


_CANONICAL_JSON: Final = "to_json(conversation) AS text"


class ContentHasher:
    """Hashes columns of conversations; several threads may do so at once.

    DuckDB writes the canonical JSON, at a fraction of what Python takes, and without its lock.
    Python hashes it, since DuckDB doesn't use the processor's instructions for SHA-256.
    """

    def __init__(self) -> None:
        self._database: duckdb.DuckDBPyConnection | None = None
        self._connecting = Lock()

    def hash(self, conversations: pa.ListArray) -> pa.StringArray:
        """Return what `content_hash` returns for each conversation.

        Args:
            conversations: Lists of turns, whose fields may be in any order. Their texts have no
                control characters but those that JSON escapes by a letter: DuckDB writes the others
                in capital digits, and RFC 8785 in small ones.
        """
        turns = conversations.values
        names = sorted(field.name for field in turns.type)
        ordered = pa.StructArray.from_arrays([turns.field(name) for name in names], names=names)
        lists = pa.ListArray.from_arrays(conversations.offsets, ordered)
        with closing(self._connect().cursor()) as cursor:
            relation = cursor.from_arrow(pa.table({"conversation": lists}))
            texts = relation.project(_CANONICAL_JSON).to_arrow_table()["text"]
        return pa.array(
            [hashlib.sha256(text).hexdigest() for text in texts.cast(pa.binary()).to_pylist()],
            pa.large_string(),
        )

    def _connect(self) -> "duckdb.DuckDBPyConnection":
        # Imported and connected when first needed: most processes never take an upload, and a
        # connection doesn't outlive a fork.
        import duckdb  # noqa: PLC0415  # not at the start

        with self._connecting:
            self._database = self._database or duckdb.connect(config={"threads": 1})
            return self._database
