"""Facts: the columns of `cleaned` that decisions are made from, kept as numbers on disk."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating import prompts
from app.curation.rules.curating.arrays import Ints, one_array, to_numpy
from app.curation.rules.curating.columns import StoredColumns
from app.curation.rules.curating.duplicates import minhash
from app.curation.rules.curating.duplicates.candidates import BandReader
from app.curation.rules.curating.ids import id_numbers, name_hashes, sha256_numbers
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.quality.rules import QUALITY_REASONS, judge
from app.curation.rules.curating.share import network_hashes
from catalog.schema import ID

FACTS: Final = (
    "contribution_id",
    "received_at",
    "source",
    "contributor_id",
    "content_hash",
    "language",
    "signals",
    "bands",
    "prompt",
    "evaluation_set",
    "overlap",
    "sequence_number",
)
"""The columns of `cleaned` that the decisions are made from."""
_LAST_COMMIT: Final = np.iinfo(np.int64).max
"""Stands for a commit that isn't known: such rows come last."""


class Facts:
    """The facts of rows in the order of receipt. A column of them is in memory while it is used.

    Attributes:
        evaluation_sets: Names of the evaluation sets that rows overlap with.
    """

    def __init__(self, columns: StoredColumns) -> None:
        """Hold no rows yet.

        Args:
            columns: Where the facts are stored.
        """
        self._columns = columns
        self.evaluation_sets: list[str] = []

    def store(
        self, batches: Iterable[pa.RecordBatch], parameters: CuratingParameters, networks: pa.Table
    ) -> None:
        """Store the facts of rows, and what the rules of quality tell of each.

        Args:
            batches: Rows of `cleaned` in the order of receipt, with the columns `FACTS`.
            parameters: The thresholds.
            networks: From which network contributors sent, a table of `NETWORKS_SCHEMA`.
        """
        for batch in batches:
            if batch.num_rows:
                self._columns.append(
                    {
                        **self._judged(batch, parameters),
                        **_identified(batch, networks),
                        **_banded(batch),
                    }
                )

    def store_prompts(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Store what prompts are grouped by.

        Args:
            batches: Rows of `cleaned` in the order of receipt, with the columns `PROMPT_FACTS`.
        """
        for batch in batches:
            if batch.num_rows:
                self._columns.append(_prompted(batch))

    def ids(self) -> NDArray[np.uint64]:
        """Return the contribution_id of each row, as `id_numbers` does."""
        return self._columns.read("id").view(np.uint64).reshape(-1, 2)

    def content_hashes(self) -> NDArray[np.uint64]:
        """Return the content_hash of each row, as `sha256_numbers` does."""
        return self._columns.read("content").view(np.uint64).reshape(-1, 2)

    def numbers(self, name: str) -> NDArray[Any]:
        """Return one of the other columns: a number for each row."""
        return self._columns.read(name)

    def band_reader(self, rows: Ints) -> BandReader:
        """Return what reads the bands of some rows."""
        return lambda band: self._columns.read(f"band {band}")[rows]

    def prompt_band_reader(self, rows: Ints) -> BandReader:
        """Return what reads the bands of the first prompts of some rows."""
        return lambda band: self._columns.read(f"prompt band {band}")[rows]

    def _judged(
        self, batch: pa.RecordBatch, parameters: CuratingParameters
    ) -> dict[str, NDArray[Any]]:
        """Return the rule of quality that each row breaks, and the set that it overlaps with."""
        reasons, measures = judge(pa.Table.from_batches([batch]), parameters)
        rules = pc.index_in(one_array(reasons), pa.array(QUALITY_REASONS, reasons.type))
        return {
            "rule": to_numpy(rules.fill_null(-1)).astype(np.int8),
            "measure": to_numpy(one_array(measures).cast(pa.float64()).fill_null(np.nan)),
            "evaluation set": self._sets(batch.column("evaluation_set")),
            "overlap": to_numpy(batch.column("overlap").cast(pa.float64()).fill_null(np.nan)),
        }

    def _sets(self, names: pa.Array) -> NDArray[np.int16]:
        """Return the place in `evaluation_sets` of each name; -1 for null."""
        for name in names.drop_null().unique().to_pylist():
            if name not in self.evaluation_sets:
                self.evaluation_sets.append(name)
        places = pc.index_in(names, pa.array(self.evaluation_sets, names.type), skip_nulls=True)
        return to_numpy(places.fill_null(-1)).astype(np.int16)


PROMPT_FACTS: Final = ("contribution_id", "received_at", "signals", "prompt")
"""The columns of `cleaned` that prompts are grouped by."""


def _identified(batch: pa.RecordBatch, networks: pa.Table) -> dict[str, NDArray[Any]]:
    """Return whose the rows are, and when they came."""
    commits = batch.column("sequence_number").fill_null(_LAST_COMMIT)
    return {
        "time": to_numpy(batch.column("received_at").cast(pa.int64())),
        "commit": to_numpy(commits),
        "content": sha256_numbers(batch.column("content_hash")),
        "contributor": name_hashes(batch.column("contributor_id")),
        "source": name_hashes(batch.column("source")),
        "network": network_hashes(batch, networks),
    }


def _banded(batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    bands = _matrix(batch.column("bands"), minhash.BANDS)
    return {
        **_prompted(batch),
        **{f"band {number}": band for number, band in enumerate(bands.T)},
    }


def _prompted(batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
    prompt = batch.column("prompt")
    bands = _matrix(pc.struct_field(prompt, "bands"), prompts.BANDS)
    return {
        "id": id_numbers(batch.column(ID)),
        "words": to_numpy(pc.struct_field(batch.column("signals"), "words")),
        "prompt": to_numpy(pc.struct_field(prompt, "hash")),
        **{f"prompt band {number}": band for number, band in enumerate(bands.T)},
    }


def _matrix(lists: pa.Array, number: int) -> Ints:
    """Return lists of so many numbers each as an array of rows by numbers."""
    values: Ints = to_numpy(pc.list_flatten(lists)).reshape(-1, number)
    return values
