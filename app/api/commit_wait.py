"""`Prefer: wait=N` (RFC 7240): an answer that waits until the submission is committed."""

import re
from http import HTTPStatus
from typing import Any, Final

from flask import Response, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.api.formats import JSON, encode_json
from app.ingest.journal.journal import Acknowledged
from app.ingest.journal.waiting import TooManyWaiting
from app.services import current_services
from catalog.snapshots import Snapshot

_WAIT: Final = re.compile(
    r"(?:^|,)\s*wait\s*=\s*(?P<quote>\"?)(?P<seconds>[0-9]{1,9})(?P=quote)\s*(?:[,;]|$)",
    re.IGNORECASE,
)
PREFER_PARAMETER: Final = {
    "in": "header",
    "name": "Prefer",
    "required": False,
    "schema": {"type": "string"},
    "description": "`wait=N` asks to be answered after the commit, within N seconds (RFC 7240); "
    "ignored when too many requests wait already",
    "example": "wait=10",
}


def wanted_wait_s(prefer: str | None, max_wait_s: int) -> int | None:
    """Return how many seconds a client waits for the commit; None when it doesn't wait.

    Args:
        prefer: The header `Prefer`; None without one.
        max_wait_s: The longest wait, in seconds.
    """
    wait = _WAIT.search(prefer) if prefer else None
    return min(int(wait["seconds"]), max_wait_s) if wait else None


def answer_after_wait(
    answer: dict[str, Any], snapshot: Snapshot | None, waited_s: int | None
) -> tuple[HTTPStatus, dict[str, str]]:
    """Return the answer after a wait: 200 with the snapshot, or 202 when no commit was seen.

    Args:
        answer: The JSON answer; the id of the snapshot is added to it.
        snapshot: The snapshot that holds the submission or upload; None when no commit was seen.
        waited_s: How long the client was going to wait at most; None when it couldn't wait.

    Returns:
        The status, and the headers that tell of the wait.
    """
    if snapshot is not None:
        answer |= {"snapshot_id": str(snapshot.snapshot_id)}
    status = HTTPStatus.OK if snapshot else HTTPStatus.ACCEPTED
    headers = {} if waited_s is None else {"Preference-Applied": f"wait={waited_s}"}
    return status, headers


def answer_after_commit(receipt: Acknowledged, answer: dict[str, Any], wait_s: int) -> Response:
    """Wait for the commit of what is acknowledged, and return the answer.

    The submission is durable, so no failure here may answer that nothing was stored.

    Args:
        receipt: The acknowledged submission or upload.
        answer: The JSON answer; the id of the snapshot is added to it.
        wait_s: How long the client waits, in seconds.
    """
    snapshot, waited_s = None, None
    try:
        snapshot, waited_s = current_services().ingest.commit_waiter.wait(receipt, wait_s), wait_s
    except TooManyWaiting:
        pass
    except (SQLAlchemyError, OSError):
        waited_s = wait_s
        current_app.logger.exception("can't tell when a contribution is committed")
    status, headers = answer_after_wait(answer, snapshot, waited_s)
    return Response(encode_json(answer), status, headers, content_type=JSON)
