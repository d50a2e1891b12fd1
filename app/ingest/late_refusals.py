"""What was accepted and is refused by the time of its commit: it is dropped from its batch.

A takedown may be recorded while a submission is on its way: in an upload whose first lines are
decoded, on another node, or in the moments for which a process keeps what it knows. Its sender was
told that it is stored; that nothing comes back after a takedown is more important.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

import numpy as np
import pyarrow as pa
from pyiceberg.table import Table

from app.ingest.claims import Batch
from app.ingest.refusals import Refused
from catalog.staged_rows import read_row_groups, without_rows
from catalog.staging import StagedFile

_COLUMNS = ("contributor_id", "content_hash", "conversation_id")


@dataclass(frozen=True, slots=True)
class Sifted:
    """A batch without the rows that are refused.

    Attributes:
        batch: The batch to commit.
        dropped: Number of rows that it lost.
        replaced: URLs of the files that held some of them, which nothing refers to after the
            commit.
    """

    batch: Batch
    dropped: int = 0
    replaced: tuple[str, ...] = ()


def sift(batch: Batch, batch_id: UUID, table: Table, refused: Refused) -> Sifted:
    """Return a batch without the rows that were taken down before.

    Files are named after the batch and the files that they replace, so a second attempt overwrites
    those of the first.

    Args:
        batch: The batch.
        batch_id: Its id.
        table: The table that gets the batch.
        refused: What is refused now. Bans don't count: what came before one stays.
    """
    if not refused.taken_down:
        return Sifted(batch)
    refused = replace(refused, banned=())
    rows = [row for row in batch.rows if refused.reason(row) is None]
    files: list[StagedFile] = []
    replaced: list[str] = []
    for file in batch.files:
        places = _refused_places(table, file, refused)
        if not places:
            files.append(file)
            continue
        replaced.append(file.path)
        name = uuid5(batch_id, file.path)
        files += without_rows(table, file, name, places)
    kept = len(rows) + sum(file.rows for file in files)
    before = len(batch.rows) + sum(file.rows for file in batch.files)
    return Sifted(Batch(rows, files), before - kept, tuple(replaced))


def _refused_places(table: Table, file: StagedFile, refused: Refused) -> Mapping[int, pa.Array]:
    """Return the row groups of a file that have refused rows, each with which rows stay."""
    found = {}
    for number, rows in enumerate(read_row_groups(table, file, _COLUMNS)):
        if reasons := refused.reasons(rows):
            stays = np.ones(len(rows), np.bool_)
            stays[list(reasons)] = False
            found[number] = pa.array(stays)
    return found
