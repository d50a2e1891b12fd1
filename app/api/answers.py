"""Answers that are read from a snapshot: whole, or as rows that are sent while they are read."""

import errno
import select
from collections.abc import Iterable, Iterator
from socket import socket
from typing import Final

import pyarrow as pa
from flask import Response, request

from app.api.body import CONNECTION
from app.api.formats import STREAMS
from app.api.guards import current_guards
from app.query.reference import SnapshotView

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
    """Return rows in the form of a stream, which ends when its client leaves.

    It takes one of the worker's threads for long requests until then. Batches without rows are
    welcome: they are the moments at which a scan that finds nothing can be stopped.

    Raises:
        TooBusy: None of those threads is left.
    """
    wanted = _while_connected(rows, request.environ.get(CONNECTION))
    response = answer(STREAMS[media_type](wanted, schema), media_type, snapshot_id)
    threads = current_guards().long_requests
    threads.take()
    response.call_on_close(threads.give_back)
    return response


def snapshot_id_of(view: SnapshotView) -> str | None:
    """Return the id of a view's snapshot as clients know it; None while the lake is empty."""
    return str(view.snapshot.snapshot_id) if view.snapshot else None


def _while_connected(rows: Rows, connection: socket | None) -> Iterator[pa.RecordBatch]:
    """Yield the batches that have rows, as long as the client is there to read them.

    Raises:
        BrokenPipeError: It left. gunicorn takes that for what it is, and cuts the answer off.
    """
    for batch in rows:
        if connection and _has_left(connection):
            raise BrokenPipeError(errno.EPIPE, "the client left")
        if batch.num_rows:
            yield batch


def _has_left(connection: socket) -> bool:
    """Tell whether the other end was closed, without reading what may have come from it."""
    watch = select.poll()
    watch.register(connection, select.POLLRDHUP)
    return bool(watch.poll(0))
