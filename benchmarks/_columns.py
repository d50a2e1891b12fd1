"""Made-up contributions, generated column by column: a million take half a minute.

Each turn is a part of one long text, whose words are drawn by their frequency.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyiceberg.catalog import Catalog

from catalog.arrow import row_groups
from catalog.schema import ARROW_SCHEMA
from catalog.staging import StagedFiles
from catalog.table import append_batch, load_table

FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
COMMITS: Final = 4
"""Number of commits; each adds a file to every day."""

_REPEATED_EVERY: Final = 15
"""One in this many rows of a commit replaces a row of the commit before, so 5 % are replaced."""
_MEAN_TURN_BYTES: Final = 200
_TURNS: Final = (3, 6)
_VOCABULARY: Final = 20_000
_WORDS: Final = 4_000_000
_RATED_EVERY: Final = 20
_SOURCES, _AGENTS, _SUBMITTERS = 12, 8, 5_000
_DAY_MS: Final = 24 * 60 * 60 * 1000
_DASHES: Final = (8, 13, 18, 23)
_DIGITS: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_CONVERSATION: Final = ARROW_SCHEMA.field("conversation").type
_CHANCE: Final = np.random.default_rng(10)


def fill(catalog: Catalog, rows: int, days: int) -> None:
    """Append made-up contributions in `COMMITS` commits; one in 20 is replaced by a later one.

    Args:
        catalog: Catalog of a migrated lake.
        rows: Number of contributions.
        days: Number of days over which they are spread.
    """
    rows_each = rows // days // COMMITS
    for commit in range(COMMITS):
        files = StagedFiles(load_table(catalog), uuid4())
        for day in range(days):
            for group in row_groups(_contributions(day, commit, rows_each).to_batches()):
                files.write(group)
        append_batch(load_table(catalog), uuid4(), [], files.finish())


def _contributions(day: int, commit: int, rows: int) -> pa.Table:
    number = np.arange(rows)
    start = int((FIRST_DAY + timedelta(days=day)).timestamp() * 1000) + commit * _DAY_MS // COMMITS
    received = start + number * (_DAY_MS // COMMITS) // max(rows, 1)
    ids = _ids(received)
    repeated = pa.array([f"chat-{day}-{each}" for each in number])
    is_repeated = pa.array(number % _REPEATED_EVERY == 0)
    columns = {
        "contribution_id": ids,
        "conversation_id": pc.if_else(is_repeated, repeated.cast(ids.type), ids),
        "received_at": pa.array(received * 1000, pa.timestamp("us", "UTC")),
        "source": _names("source", number % _SOURCES),
        "contributor_id": _names("submitter", number % _SUBMITTERS),
        "agent_id": _names("agent", number % _AGENTS),
        "conversation": _conversations(rows),
        "content_hash": _hashes(rows),
    }
    nulls = {name: pa.nulls(rows, kind) for name, kind in _types().items()}
    return pa.Table.from_pydict({**nulls, **columns}, schema=ARROW_SCHEMA)


def _types() -> dict[str, pa.DataType]:
    return dict(zip(ARROW_SCHEMA.names, ARROW_SCHEMA.types, strict=True))


def _conversations(rows: int) -> pa.Array:
    fewest, most = _TURNS
    lengths = _CHANCE.integers(fewest, most, rows, endpoint=True)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    turns = int(offsets[-1])
    place = np.arange(turns) - np.repeat(offsets[:-1], lengths)
    ratings = _names_of(("positive", "negative"), _CHANCE.integers(0, 2, turns))
    is_rated = pa.array(_CHANCE.integers(0, _RATED_EVERY, turns) == 0)
    leaves = {
        "content": _texts(turns),
        "role": _names_of(("user", "assistant"), place % 2),
        "rating": pc.if_else(is_rated, ratings, pa.scalar(None, ratings.type)),
        "stopped": pa.array(np.zeros(turns, bool)),
        "edited_content": pa.nulls(turns, pa.large_string()),
    }
    fields = list(_CONVERSATION.value_type)
    arrays = [
        leaves[each.name] if each.name in leaves else pa.nulls(turns, each.type) for each in fields
    ]
    structs = pa.StructArray.from_arrays(arrays, fields=fields)
    return pa.LargeListArray.from_arrays(pa.array(offsets), structs, type=_CONVERSATION)


def _texts(number: int) -> pa.Array:
    corpus = _corpus()
    lengths = _CHANCE.exponential(_MEAN_TURN_BYTES, number).astype(np.int64) + 1
    starts = _CHANCE.integers(0, len(corpus) - int(lengths.max()), number)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - starts, lengths)
    return _strings(offsets, corpus[within])


@cache
def _corpus() -> NDArray[np.uint8]:
    letters = np.frombuffer(b"etaoinshrdlucmfw", np.uint8)
    words = [
        _CHANCE.choice(letters, size).tobytes() for size in _CHANCE.integers(2, 10, _VOCABULARY)
    ]
    frequencies = 1 / np.arange(1, _VOCABULARY + 1)
    drawn = _CHANCE.choice(_VOCABULARY, _WORDS, p=frequencies / frequencies.sum())
    return np.frombuffer(b" ".join(words[each] for each in drawn), np.uint8)


def _ids(milliseconds: NDArray[np.int64]) -> pa.Array:
    """Return a UUIDv7 of each time: RFC 9562, section 5.7."""
    size = len(milliseconds)
    octets = _CHANCE.integers(0, 256, (size, 16), np.uint8)
    octets[:, :6] = milliseconds.astype(">i8").view(np.uint8).reshape(size, 8)[:, 2:]
    octets[:, 6] = octets[:, 6] & 0x0F | 0x70
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    text = np.insert(
        _hexadecimal(octets), [place - at for at, place in enumerate(_DASHES)], ord("-"), axis=1
    )
    return _strings(np.arange(size + 1) * text.shape[1], text)


def _hashes(number: int) -> pa.Array:
    text = _hexadecimal(_CHANCE.integers(0, 256, (number, 32), np.uint8))
    return _strings(np.arange(number + 1) * text.shape[1], text)


def _hexadecimal(octets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return _DIGITS[np.stack((octets >> 4, octets & 15), axis=2)].reshape(len(octets), -1)


def _strings(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> pa.Array:
    buffers = [
        None,
        pa.py_buffer(offsets.astype(np.int64)),
        pa.py_buffer(np.ascontiguousarray(data)),
    ]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)


def _names(kind: str, number: NDArray[np.int64]) -> pa.Array:
    return _names_of([f"{kind}-{each}" for each in range(int(number.max(initial=0)) + 1)], number)


def _names_of(names: tuple[str, ...] | list[str], number: NDArray[np.int64]) -> pa.Array:
    return pa.array(names, pa.large_string()).take(pa.array(number))
