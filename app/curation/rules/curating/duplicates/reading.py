"""Reads the texts of candidates group by group, in bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.errors import TextsMissing
from app.curation.rules.curating.arrays import Ints, to_numpy
from app.curation.rules.curating.duplicates.candidates import Candidates
from app.curation.rules.curating.ids import id_texts
from app.curation.rules.interface import TextReader
from app.state.spill import spill_folder
from catalog.schema import CONVERSATION, ID

Text = TypeVar("Text")

CHUNK_WORDS: Final = 1 << 23
"""Words of the candidates that are in memory at a time: their shingles take 64 MiB."""
CHUNK_CANDIDATES: Final = 1 << 16
"""Number of candidates of a chunk, however short they are."""
READ_CANDIDATES: Final = 1 << 16
"""Number of candidates whose ids are asked for at a time."""
_PLACE: Final = "place"
_LZ4: Final = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True, slots=True)
class CandidateText(Generic[Text]):
    """A candidate with what is compared of it.

    Attributes:
        row: Index of its row.
        group: Number of its group.
        buckets: The bands that it shares with another row: the number and the hash of each.
        text: What is compared.
    """

    row: int
    group: int
    buckets: list[tuple[int, int]]
    text: Text


@dataclass(frozen=True, slots=True)
class Comparison(Generic[Text]):
    """What is compared of rows, and by which bands they were found.

    Attributes:
        texts_of: Returns what is compared of each of some conversations.
        column: Name of the column with the bands.
        bands_of: Returns the bands of each row from that column.
    """

    texts_of: Callable[[pa.Array], list[Text]]
    column: str
    bands_of: Callable[[pa.Array], pa.Array]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows among which candidates were found.

    Attributes:
        ids: The contribution_id of every row, as `id_numbers` returns them.
        words: Number of words of every row.
        read_texts: Reads columns of rows.
    """

    ids: NDArray[np.uint64]
    words: Ints
    read_texts: TextReader


def read_candidates(
    candidates: Candidates, rows: Rows, comparison: Comparison[Text]
) -> Iterator[CandidateText[Text]]:
    """Yield the candidates with their texts, in their order. A chunk of them is in memory.

    Rows of a group may be anywhere in the stage. So the stage is read once, in its own order, into
    a temporary file for each chunk.

    Args:
        candidates: The candidates, group by group.
        rows: The rows that they are among.
        comparison: Says which texts of a row are compared, and how its bands are read.

    Raises:
        TextsMissing: Texts of candidates weren't found.
        OSError: The disk is full.
    """
    bounds = list(_chunks(rows.words[candidates.rows]))
    with TemporaryDirectory(dir=spill_folder(), prefix="candidates-") as folder:
        files = [Path(folder, str(number)) for number in range(len(bounds))]
        _sort_into(files, bounds, candidates, rows, comparison)
        for file, (start, end) in zip(files, bounds, strict=True):
            texts, bands = _read(file, end - start, comparison)
            of_chunk = zip(
                candidates.rows[start:end].tolist(),
                candidates.groups[start:end].tolist(),
                _buckets(bands, candidates.shared[start:end]),
                texts,
                strict=True,
            )
            for row, group, buckets, text in of_chunk:
                yield CandidateText(row, group, buckets, text)
            file.unlink()


def _sort_into(
    files: Sequence[Path],
    bounds: Sequence[tuple[int, int]],
    candidates: Candidates,
    rows: Rows,
    comparison: Comparison[Text],
) -> None:
    """Write the texts of the candidates of each chunk to its file, in any order."""
    ids = rows.ids[candidates.rows]
    starts = [start for start, _ in bounds]
    # Ids sort in the order of receipt, which is that of the stage.
    in_order = np.lexsort([ids[:, 1], ids[:, 0]])
    for begin in range(0, len(in_order), READ_CANDIDATES):
        places = in_order[begin : begin + READ_CANDIDATES]
        names = id_texts(ids[places])
        missing = dict(zip(names.to_pylist(), places.tolist(), strict=True))
        for batch in rows.read_texts(list(missing), [ID, CONVERSATION, comparison.column]):
            found = np.array([missing.pop(name) for name in batch.column(ID).to_pylist()], np.int64)
            chunks = np.searchsorted(starts, found, "right") - 1
            for chunk in np.unique(chunks).tolist():
                chosen = np.flatnonzero(chunks == chunk)
                _append(files[chunk], batch.take(pa.array(chosen)), found[chosen] - starts[chunk])
        if missing:
            raise TextsMissing(list(missing))


def _append(file: Path, rows: pa.RecordBatch, places: Ints) -> None:
    columns = [pa.array(places), *rows.columns[1:]]
    placed = pa.RecordBatch.from_arrays(columns, [_PLACE, *rows.schema.names[1:]])
    # Streams after one another, so that no file is open meanwhile.
    with file.open("ab") as sink, pa.ipc.new_stream(sink, placed.schema, options=_LZ4) as writer:
        writer.write_batch(placed)


def _read(file: Path, number: int, comparison: Comparison[Text]) -> tuple[list[Text], Ints]:
    """Return what is compared of each candidate of a chunk, and the bands of each."""
    texts: list[Any] = [None] * number
    bands = np.zeros((number, 0), np.int64)
    with file.open("rb") as source:
        end = source.seek(0, SEEK_END)
        source.seek(0)
        while source.tell() < end:
            for batch in pa.ipc.open_stream(source):
                places = to_numpy(batch.column(_PLACE))
                of_batch = comparison.bands_of(batch.column(comparison.column))
                hashes = to_numpy(pc.list_flatten(of_batch)).reshape(len(places), -1)
                if not bands.shape[1]:
                    bands = np.zeros((number, hashes.shape[1]), np.int64)
                bands[places] = hashes
                said = comparison.texts_of(batch.column(CONVERSATION))
                for place, text in zip(places.tolist(), said, strict=True):
                    texts[place] = text
    return texts, bands


def _chunks(words: Ints) -> Iterator[tuple[int, int]]:
    """Yield where chunks of bounded size begin and end, as indices of candidates."""
    ends = np.cumsum(words)
    start = 0
    while start < len(words):
        before = int(ends[start - 1]) if start else 0
        end = int(np.searchsorted(ends, before + CHUNK_WORDS, "right"))
        end = min(max(end, start + 1), start + CHUNK_CANDIDATES)
        yield start, end
        start = end


def _buckets(bands: Ints, shared: NDArray[np.uint32]) -> Iterator[list[tuple[int, int]]]:
    """Yield the number and the hash of each band that a candidate shares.

    Args:
        bands: The hashes of candidates by bands.
        shared: The bits of the bands that each candidate shares.
    """
    numbers = np.arange(bands.shape[1], dtype=np.uint32)
    for hashes, bits in zip(bands, shared, strict=True):
        those = np.flatnonzero(bits >> numbers & np.uint32(1))
        yield list(zip(those.tolist(), hashes[those].tolist(), strict=True))
