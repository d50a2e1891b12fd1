"""Answers that are read from a snapshot: whole, or as rows that are sent while they are read."""

import errno
from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
from flask import Response

from app.api.formats import STREAMS
from app.api.reads import still_wanted
from app.query.snapshots import SnapshotView
from app.services import current_services
from catalog.checkpoints import Check
from catalog.errors import LakeError

SNAPSHOT_HEADER: Final = "Chatlake-Snapshot-Id"
TRUNCATED_HEADER: Final = "Chatlake-Truncated-By"
"""Names the setting past which something was left out."""

Body = bytes | Iterator[bytes]
Rows = Iterable[pa.RecordBatch]


def answer(body: Body, media_type: str, snapshot_id: str | None) -> Response:
    """Return an answer that names the snapshot that it was read from."""
    response = Response(body, mimetype=media_type)
    response.vary.add("Accept")
    if snapshot_id:
        response.headers[SNAPSHOT_HEADER] = snapshot_id
    return response


def stream(rows: Rows, schema: pa.Schema, media_type: str, snapshot_id: str | None) -> Response:
    """Return rows in the form of a stream, which is cut off when its client leaves.

    It is cut off after `read_grace_s` too: the files that it reads may be gone by then. Batches
    without rows are welcome: at them a scan that finds nothing can be stopped.
    """
    check = still_wanted("read_grace_s", current_services().settings.read_grace_s)
    return answer(STREAMS[media_type](_while_wanted(rows, check), schema), media_type, snapshot_id)


def snapshot_id_of(view: SnapshotView) -> str | None:
    """Return the id of a view's snapshot as clients know it; None while the lake is empty."""
    return str(view.snapshot.snapshot_id) if view.snapshot else None


def _while_wanted(rows: Rows, check: Check) -> Iterator[pa.RecordBatch]:
    """Yield the batches that have rows, as long as a check lets them pass.

    Raises:
        BrokenPipeError: The check raised. gunicorn takes that for a client that left, and cuts the
            answer off.
    """
    for batch in rows:
        try:
            check()
        except LakeError as error:
            raise BrokenPipeError(errno.EPIPE, str(error)) from error
        if batch.num_rows:
            yield batch
