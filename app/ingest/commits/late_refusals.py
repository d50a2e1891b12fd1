"""What was accepted and is refused by the time of its commit: it is dropped from its batch.

A takedown may be recorded while a submission is on its way: in an upload whose first lines are
decoded, on another node, or in the moments for which a process keeps what it knows. Its sender was
told that it is stored; that nothing comes back after a takedown is more important.

What others sent isn't dropped because an owner withdrew the same content: see `refusals`.

A version that came before an earlier version of its conversation was taken down doesn't come back.
It stays, as it does once it is committed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

import numpy as np
import pyarrow as pa
from pyiceberg.table import Table

from app.ingest.commits.claims import Batch, ClaimedUpload
from app.ingest.refusals import Refused
from catalog.reading.staged_rows import read_row_groups, without_rows
from catalog.writing.staging import StagedFile

_COLUMNS = ("contributor_id", "content_hash", "conversation_id", "received_at")

_Came = tuple[str | None, str, str, datetime]
"""The values of `_COLUMNS` of a row."""

PartlyTakenDown = Callable[[Collection[str]], Mapping[str, datetime]]
"""Returns, of some conversations, those that weren't taken down as a whole, each with the time at
which versions of it were first taken down."""


def none_partly(_conversation_ids: Collection[str]) -> Mapping[str, datetime]:
    """Return nothing: every conversation that was taken down was so as a whole."""
    return {}


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


def sift(
    batch: Batch,
    batch_id: UUID,
    table: Table,
    refused: Refused,
    partly: PartlyTakenDown = none_partly,
) -> Sifted:
    """Return a batch without the rows that were taken down before.

    Files are named after the batch and the files that they replace, so a second attempt overwrites
    those of the first.

    Args:
        batch: The batch.
        batch_id: The id of the batch.
        table: The table that gets the batch.
        refused: What is refused now. Bans don't count: what came before one stays.
        partly: Tells of which conversations later versions may stay.
    """
    if not refused.taken_down:
        return Sifted(batch)
    refused = replace(refused, banned=())
    suspects = [row for row in batch.rows if refused.reason(row)]
    came: list[_Came] = [
        (row.contributor_id, row.content_hash, row.conversation_id, row.received_at)
        for row in suspects
    ]
    came_back = _came_back(came, refused, partly) if suspects else []
    dropped = {
        row.contribution_id for row, is_back in zip(suspects, came_back, strict=True) if is_back
    }
    rows = [row for row in batch.rows if row.contribution_id not in dropped]
    uploads: list[ClaimedUpload] = []
    replaced: list[str] = []
    for upload in batch.uploads:
        files: list[StagedFile] = []
        for file in upload.files:
            places = _refused_places(table, file, refused, partly)
            if places:
                replaced.append(file.path)
                files += without_rows(table, file, uuid5(batch_id, file.path), places)
            else:
                files.append(file)
        is_whole = files == upload.files
        uploads.append(ClaimedUpload(upload.entry_id, files, is_whole))
    sifted = Batch(rows, uploads)
    return Sifted(sifted, _rows_in(batch) - _rows_in(sifted), tuple(replaced))


def _rows_in(batch: Batch) -> int:
    return len(batch.rows) + sum(file.rows for file in batch.files)


def _refused_places(
    table: Table, file: StagedFile, refused: Refused, partly: PartlyTakenDown
) -> Mapping[int, pa.Array]:
    """Return the row groups of a file that have refused rows, each with which rows stay."""
    found = {}
    for number, rows in enumerate(read_row_groups(table, file, _COLUMNS)):
        if reasons := refused.reasons(rows):
            places = sorted(reasons)
            came = rows.select(_COLUMNS).take(pa.array(places)).to_pylist()
            came_back = _came_back([tuple(row.values()) for row in came], refused, partly)
            stays = np.ones(len(rows), np.bool_)
            stays[places] = np.logical_not(came_back)
            if not stays.all():
                found[number] = pa.array(stays)
    return found


def _came_back(rows: Sequence[_Came], refused: Refused, partly: PartlyTakenDown) -> list[bool]:
    """Tell of rows that are refused whether they came back.

    Args:
        rows: The values of `_COLUMNS` of each row.
        refused: What is refused.
        partly: Tells of which conversations later versions may stay.
    """
    first_taken_down = partly({conversation_id for _, _, conversation_id, _ in rows})
    return [
        refused.refuses_content(contributor_id, content_hash)
        or received_at >= first_taken_down.get(conversation_id, received_at)
        for contributor_id, content_hash, conversation_id, received_at in rows
    ]
