"""Made-up contributions, generated column by column: a million take half a minute.

Each turn is a part of one long text, whose words are drawn by their frequency.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyiceberg.catalog import Catalog

from catalog.columns.arrow import row_groups
from catalog.schema import ARROW_SCHEMA
from catalog.snapshots import Snapshot
from catalog.table import append_batch, load_table
from catalog.writing.staging import StagedFiles

FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
COMMITS_A_DAY: Final = 4
REPEATED_EVERY: Final = 20
"""One in this many rows replaces an earlier one."""
ROWS_A_CONTRIBUTOR: Final = 20

_MEAN_TURN_BYTES: Final = 200
_TURNS: Final = (3, 6)
_VOCABULARY: Final = 20_000
_WORDS: Final = 4_000_000
_RATED_EVERY: Final = 20
_SOURCES, _AGENTS, _MODELS = 12, 8, 6
_DAY_MS: Final = 24 * 60 * 60 * 1000
_DASHES: Final = (8, 13, 18, 23)
_DIGITS: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_CONVERSATION: Final = ARROW_SCHEMA.field("conversation").type
_CHANCE: Final = np.random.default_rng(10)


def fill(catalog: Catalog, rows: int, days: int) -> Iterator[Snapshot]:
    """Append made-up contributions, `COMMITS_A_DAY` commits a day; yield the snapshot of each.

    Args:
        catalog: Catalog of a migrated lake.
        rows: Number of contributions.
        days: Number of days over which they are spread.
    """
    rows_each = rows // days // COMMITS_A_DAY
    contributors = max(1, rows // ROWS_A_CONTRIBUTOR)
    for commit in range(days * COMMITS_A_DAY):
        since = FIRST_DAY + commit * timedelta(days=1) / COMMITS_A_DAY
        made = contributions(commit * rows_each, rows_each, since, contributors)
        yield append(catalog, made)


def append(catalog: Catalog, rows: pa.Table) -> Snapshot:
    """Append contributions in one commit, and return its snapshot."""
    table = load_table(catalog)
    files = StagedFiles(table, uuid4())
    for group in row_groups(rows.to_batches()):
        files.write(group)
    return append_batch(table, uuid4(), [], files.finish())


def contributions(first: int, rows: int, since: datetime, contributors: int) -> pa.Table:
    """Return made-up contributions, of which one in `REPEATED_EVERY` replaces an earlier one.

    Args:
        first: How many were made before, which may be replaced.
        rows: Number of contributions, which are received within a quarter of a day.
        since: Time of receipt of the first.
        contributors: Number of contributors, who have contributed alike.
    """
    number = np.arange(rows)
    apart_ms = _DAY_MS // COMMITS_A_DAY
    received = int(since.timestamp() * 1000) + number * apart_ms // max(rows, 1)
    replaced = _CHANCE.integers(0, max(first, 1), rows)
    is_repeated = (number % REPEATED_EVERY == 0) & (first > 0)
    columns = {
        "contribution_id": _ids(received),
        "conversation_id": _hashes_of(np.where(is_repeated, replaced, first + number)),
        "received_at": pa.array(received * 1000, pa.timestamp("us", "UTC")),
        "source": _names("source", number % _SOURCES),
        "contributor_id": _hashes_of(_CHANCE.integers(0, contributors, rows)),
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
    models = _names("model", _CHANCE.integers(0, _MODELS, turns))
    leaves = {
        "model": pc.if_else(pa.array(place % 2 == 1), models, pa.scalar(None, models.type)),
        "content": _texts(turns),
        "role": _names_of(("user", "assistant"), place % 2),
        "rating": pc.if_else(is_rated, ratings, pa.scalar(None, ratings.type)),
        "stopped": pa.array(np.zeros(turns, bool)),
    }
    fields = list(_CONVERSATION.value_type)
    optional = {each.name: pa.nulls(turns, each.type) for each in fields}
    structs = pa.StructArray.from_arrays(list((optional | leaves).values()), fields=fields)
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
    return _fixed(text)


def _hashes(number: int) -> pa.Array:
    return _fixed(_hexadecimal(_CHANCE.integers(0, 256, (number, 32), np.uint8)))


def _hashes_of(numbers: NDArray[np.int64]) -> pa.Array:
    """Return for each number the 128 bits, as text, that ids of the lake have; always the same."""
    halves = [_mixed(2 * numbers.astype(np.uint64) + np.uint64(half)) for half in range(2)]
    octets = np.stack(halves, axis=1).astype(">u8").view(np.uint8).reshape(len(numbers), 16)
    return _fixed(_hexadecimal(octets))


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread numbers over 64 bits, no two to the same, by the finalizer of MurmurHash3."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(33))


def _fixed(text: NDArray[np.uint8]) -> pa.Array:
    """Return texts of one length."""
    return _strings(np.arange(len(text) + 1) * text.shape[1], text)


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
