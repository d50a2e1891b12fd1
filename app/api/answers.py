"""Answers of rows: whole pages, or streams that are sent while the rows are read."""

import errno
from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa
from flask import Response

from app.api.formats import JSON, STREAMS, Batches, Rows, encode_json
from app.api.reads import ClientLeft, ReadTimeout, still_wanted
from app.query.snapshots import SnapshotView
from app.services import current_services
from catalog.checkpoints import Check, checked
from catalog.columns.rows import every_column

SNAPSHOT_HEADER: Final = "Chatlake-Snapshot-Id"
TRUNCATED_HEADER: Final = "Chatlake-Truncated-By"
"""Header that names the setting by which rows were left out of the answer."""

_ROWS_AT_ONCE: Final = 50
"""Rows that become plain values in one call of Arrow, in which no other thread can run Python."""

Body = bytes | Iterator[bytes]


def answer(body: Body, media_type: str, snapshot_id: str | None) -> Response:
    """Return an answer that names the snapshot that it was read from.

    Args:
        body: The body, or the chunks of it.
        media_type: The media type of the body.
        snapshot_id: The id of the snapshot; None when the lake is empty.
    """
    response = Response(body, mimetype=media_type)
    response.vary.add("Accept")
    if snapshot_id:
        response.headers[SNAPSHOT_HEADER] = snapshot_id
    return response


def page(
    rows: pa.Table,
    media_type: str,
    snapshot_id: str | None,
    in_json: Callable[[list[dict[str, Any]]], dict[str, Any]],
    as_rows: Rows = every_column,
) -> Response:
    """Return a page of rows.

    Args:
        rows: The rows of the page.
        media_type: JSON, or a media type of rows alone.
        snapshot_id: The id of the snapshot that the rows are from; None when the lake is empty.
        in_json: Returns the whole JSON answer for the rows.
        as_rows: Makes plain values of the rows.
    """
    if media_type == JSON:
        batches = rows.to_batches(max_chunksize=_ROWS_AT_ONCE)
        plain = [row for batch in batches for row in as_rows(batch)]
        return answer(encode_json(in_json(plain)), JSON, snapshot_id)
    body = STREAMS[media_type](rows.to_batches(), rows.schema, as_rows)
    return answer(body, media_type, snapshot_id)


def stream(
    batches: Batches,
    schema: pa.Schema,
    media_type: str,
    snapshot_id: str | None,
    as_rows: Rows = every_column,
) -> Response:
    """Return a stream of rows, which is cut off when its client leaves.

    The stream is also cut off after `read_grace_s`: the files that it reads may be gone by then.

    Args:
        batches: The rows. Batches without rows are of use: a scan that finds nothing is stopped at
            them.
        schema: The schema of the rows.
        media_type: A media type of rows alone.
        snapshot_id: The id of the snapshot that the rows are from; None when the lake is empty.
        as_rows: Makes plain values of a batch.
    """
    check = still_wanted("read_grace_s", current_services().settings.read_grace_s)
    wanted = _while_wanted(batches, check)
    return answer(STREAMS[media_type](wanted, schema, as_rows), media_type, snapshot_id)


def snapshot_id_of(view: SnapshotView) -> str | None:
    """Return the id of a view's snapshot as a string; None while the lake is empty."""
    return str(view.snapshot.snapshot_id) if view.snapshot else None


def _while_wanted(batches: Batches, check: Check) -> Iterator[pa.RecordBatch]:
    """Yield the batches that have rows until a check fails.

    Raises:
        BrokenPipeError: The check failed. `app.edge.flask` and other servers take this error for a
            client that left, and cut the answer off.
    """
    remaining = iter(batches)
    while True:
        try:
            # Set for one batch at a time: between batches, this thread may do other work.
            with checked(check):
                batch = next(remaining, None)
        except (ClientLeft, ReadTimeout) as error:
            raise BrokenPipeError(errno.EPIPE, str(error)) from error
        if batch is None:
            return
        if batch.num_rows:
            yield batch
