"""The index of one data file: which of its rows may have a text.

It is a database of SQLite with two full-text tables. `texts` has for each word the rows and places
where it stands. `words` has for each three characters the words that contain them, by which a part
of a word is found.

The index only has to name every row that a scan would find; the scan decides about these. A file
never changes once it is whole.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Final
from urllib.parse import quote
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from app.query.text_index.word_parts import AFTER, BEFORE, filter_of
from app.query.text_index.words import Word, prepared, words_of
from catalog.schema import CONVERSATION, ID

COLUMNS: Final = (ID, f"{CONVERSATION}.content", f"{CONVERSATION}.edited_content")
"""The columns and fields of turns that an index is built of, as a scan names them."""

_TABLES: Final = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -32768;
    BEGIN;
    CREATE TABLE about (url TEXT, rows INTEGER);
    -- Whose texts these are, so that a takedown can be verified.
    CREATE TABLE contributions (ids BLOB);
    CREATE TABLE long_words (row INTEGER PRIMARY KEY);
    CREATE VIRTUAL TABLE texts USING fts5(text, content='', columnsize=0, tokenize='ascii');
    CREATE VIRTUAL TABLE words USING fts5(
        word, columnsize=0, detail=none, tokenize='trigram case_sensitive 1'
    );
    CREATE VIRTUAL TABLE every_word USING fts5vocab(texts, row);
    CREATE VIRTUAL TABLE every_place USING fts5vocab(texts, instance);
"""
_PENDING_BYTES: Final = 16 * 1024 * 1024
"""The most that a full-text table keeps in memory before it writes a segment. SQLite's own limit, a
sixteenth of it, makes many small segments, and merging them takes as long as all else."""
_LONGEST_WORD: Final = 1_000
"""Characters of the longest word that is found; rows with a longer one are always named."""
_MOST_ALTERNATIVES: Final = 1_000
"""The most words of an index that what is searched for may be a part of."""
MOST_WORDS: Final = 32
"""The most words of what is searched for that are looked up."""
_SHARE_OF_ROWS: Final = 16
"""Of every so many rows, one has to be named at most: with more, reading all of them is as good."""
_FEWEST_NAMED: Final = 64
"""The rows that are named in any case, however small the file is."""
_TRIGRAM: Final = 3
_PIECE_CHARACTERS: Final = 256 * 1024
"""Characters of the words whose parts are gathered together."""
_END_CHARACTERS: Final = 60
_MOST_TRIGRAMS: Final = 100
_PHRASES_AT_ONCE: Final = 100
"""SQLite limits how much one condition may hold."""


def write_index(path: Path, url: str, batches: Iterable[pa.RecordBatch]) -> None:
    """Write the index of a data file, which is to be finished.

    Args:
        path: The new file. What is left of it after a failure is no index.
        url: The data file's URL.
        batches: All rows of the data file in their order, with `COLUMNS`.

    Raises:
        sqlite3.Error: The index can't be written.
        OSError: A row can't be read.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        _fill(connection, url, batches)


def finish_index(path: Path, finished: Path) -> None:
    """Copy a written index, without its empty pages, which are a third of it; and sync the copy.

    Args:
        path: The index.
        finished: The new file.

    Raises:
        sqlite3.Error: The index isn't there, or the copy can't be written.
        OSError: The copy can't be synced.
    """
    with closing(_open(path)) as connection:
        connection.execute("VACUUM INTO ?", [str(finished)])
    with finished.open("rb") as file:
        os.fsync(file.fileno())


def write_parts(path: Path, finished: Path) -> None:
    """Write the parts of the words of an index, see `app.query.text_index.word_parts`; and sync it.

    An index that can't find all words by their parts, or has too many parts, gets an empty file,
    which says nothing.

    Args:
        path: The index.
        finished: The new file.

    Raises:
        sqlite3.Error: The index isn't there, or is broken.
        OSError: The file can't be written.
    """
    with closing(_open(path)) as connection:
        (has_long,) = connection.execute("SELECT EXISTS (SELECT * FROM long_words)").fetchone()
        words = connection.execute("SELECT ? || word || ? FROM words", [BEFORE, AFTER])
        found = b"" if has_long else filter_of(_joined(word for (word,) in words))
    with finished.open("wb") as file:
        file.write(found)
        file.flush()
        os.fsync(file.fileno())


def find_rows(path: Path, words: Sequence[Word]) -> pa.Array | None:
    """Return which rows of a data file may have a text.

    Args:
        path: The index of the data file.
        words: The words of the text.

    Returns:
        The positions of the rows in the data file, ascending; None when all rows have to be read.

    Raises:
        sqlite3.Error: There is no index, or it is broken.
    """
    with closing(_open(path)) as connection:
        (rows,) = connection.execute("SELECT rows FROM about").fetchone()
        alternatives = _alternatives(connection, words[:MOST_WORDS])
        if alternatives is None:
            return None
        named = {row for (row,) in connection.execute("SELECT row FROM long_words")}
        most = max(rows // _SHARE_OF_ROWS, _FEWEST_NAMED)
        for row in _rows_with(connection, alternatives):
            named.add(row)
            if len(named) > most:
                return None
    return pa.array(sorted(named), pa.int64())


def indexed_url(path: Path) -> str:
    """Return the URL of the data file of an index.

    Raises:
        sqlite3.Error: There is no index, or it is broken.
    """
    return str(_about(path)[0])


def indexed_rows(path: Path) -> int:
    """Return how many rows of its data file an index has.

    Raises:
        sqlite3.Error: There is no index, or it is broken.
    """
    return int(_about(path)[1])


def ends_of_text(rows: pa.RecordBatch, row: int) -> list[list[Word]]:
    """Return the words of the beginning and of the end of a row's text, for `find_rows`.

    Args:
        rows: Rows with `COLUMNS`.
        row: The position of the row in them.
    """
    (text,) = _texts_of(rows.slice(row, 1)).to_pylist()
    ends = (words_of(text[:_END_CHARACTERS]), words_of(text[-_END_CHARACTERS:]))
    return [words for words in ends if words]


def _about(path: Path) -> tuple[str, int]:
    with closing(_open(path)) as connection:
        about: tuple[str, int] | None = connection.execute("SELECT url, rows FROM about").fetchone()
    if about is None:
        raise sqlite3.DatabaseError("it isn't whole")
    return about


def _fill(connection: sqlite3.Connection, url: str, batches: Iterable[pa.RecordBatch]) -> None:
    connection.executescript(_TABLES)
    for table in ("texts", "words"):
        set_pending = f"INSERT INTO {table}({table}, rank) VALUES ('hashsize', ?)"  # noqa: S608
        connection.execute(set_pending, [_PENDING_BYTES])
    rows = 0
    for batch in batches:
        texts = prepared(_texts_of(batch)).to_pylist()
        connection.executemany(
            "INSERT INTO texts(rowid, text) VALUES (?, ?)", enumerate(texts, rows)
        )
        ids = b"".join(map(_to_bytes, batch.column(ID).to_pylist()))
        connection.execute("INSERT INTO contributions VALUES (?)", [ids])
        rows += batch.num_rows
    connection.execute("INSERT INTO texts(texts) VALUES ('optimize')")
    longest = [_LONGEST_WORD]
    connection.execute(
        "INSERT INTO words(word) SELECT term FROM every_word WHERE length(term) <= ?", longest
    )
    connection.execute("INSERT INTO words(words) VALUES ('optimize')")
    connection.execute(
        """
        INSERT INTO long_words SELECT DISTINCT doc FROM every_place
        WHERE term IN (SELECT term FROM every_word WHERE length(term) > ?)
        """,
        longest,
    )
    connection.execute("INSERT INTO about VALUES (?, ?)", [url, rows])
    connection.execute("COMMIT")


def _joined(words: Iterable[str]) -> Iterator[str]:
    """Yield all words in texts of many words, so that not all need to be in memory at once."""
    piece: list[str] = []
    characters = 0
    for word in words:
        piece.append(word)
        characters += len(word)
        if characters > _PIECE_CHARACTERS:
            yield "".join(piece)
            piece, characters = [], 0
    yield "".join(piece)


def _to_bytes(contribution_id: str) -> bytes:
    """Return a UUID as its bytes; what another engine wrote instead is a text."""
    try:
        return UUID(contribution_id).bytes
    except ValueError:
        return contribution_id.encode()


def _texts_of(batch: pa.RecordBatch) -> pa.Array:
    """Return the texts of each contribution's turns as one text."""
    turns = pc.list_flatten(batch.column(CONVERSATION))
    contents, edited = (
        pc.struct_field(turns, field).fill_null("") for field in ("content", "edited_content")
    )
    line_end = pa.scalar("\n", contents.type)
    lines = pc.binary_join_element_wise(contents, edited, line_end)
    offsets = pc.cumulative_sum(pc.list_value_length(batch.column(CONVERSATION)).fill_null(0))
    zero = pa.array([0], offsets.type)
    lists = pa.LargeListArray.from_arrays(pa.concat_arrays([zero, offsets]).cast("int64"), lines)
    return pc.binary_join(lists, line_end)


def _open(path: Path) -> sqlite3.Connection:
    # Without locks, since a file that is whole never changes.
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)


def _alternatives(connection: sqlite3.Connection, words: Sequence[Word]) -> list[list[str]] | None:
    """Return, for each word to look up, the words of the index that it may be a part of.

    Returns:
        The alternatives of each of some adjacent words; None when no word narrows rows down.
    """
    found = [_words_with(connection, word, is_only=len(words) == 1) for word in words]
    # Only the first word and the last one can be parts of so many that they are left out.
    known = [alternatives for alternatives in found if alternatives is not None]
    if len(known) > 1 and len(known[0]) * len(known[-1]) > _MOST_ALTERNATIVES:
        known.remove(max(known[0], known[-1], key=len))
    return known or None


def _words_with(connection: sqlite3.Connection, word: Word, *, is_only: bool) -> list[str] | None:
    """Return the words of the index that a word may be a part of; None when there are too many.

    A word of one or two characters is only looked up when there is no other one: all words of the
    index have to be read for it.
    """
    if word.begins and word.ends:
        return [word.text]
    conditions = ["instr(word, :text)"]
    if len(word.text) >= _TRIGRAM:
        conditions.append("words MATCH :trigrams")
    elif not is_only:
        return None
    if word.begins:
        conditions.append("instr(word, :text) = 1")
    if word.ends:
        conditions.append("substr(word, -length(:text)) = :text")
    query = f"SELECT word FROM words WHERE {' AND '.join(conditions)} LIMIT :most"  # noqa: S608  # all of it is ours
    values = {
        "text": word.text,
        "trigrams": _trigrams_of(word.text),
        "most": _MOST_ALTERNATIVES + 1,
    }
    found = [each for (each,) in connection.execute(query, values)]
    return found if len(found) <= _MOST_ALTERNATIVES else None


def _trigrams_of(text: str) -> str:
    """Return the condition that a word has the trigrams of a text, or the first of them."""
    starts = range(min(len(text) - _TRIGRAM + 1, _MOST_TRIGRAMS))
    return " AND ".join(f'"{text[start : start + _TRIGRAM]}"' for start in starts)


def _rows_with(
    connection: sqlite3.Connection, alternatives: Sequence[Sequence[str]]
) -> Iterator[int]:
    """Yield the rows that have one of the alternatives of each word, one word after the other."""
    phrases = [f'"{" ".join(each)}"' for each in product(*alternatives)]
    for start in range(0, len(phrases), _PHRASES_AT_ONCE):
        query = " OR ".join(phrases[start : start + _PHRASES_AT_ONCE])
        for (row,) in connection.execute("SELECT rowid FROM texts WHERE texts MATCH ?", [query]):
            yield row
