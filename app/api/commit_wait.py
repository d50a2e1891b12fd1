"""`Prefer: wait=N` (RFC 7240): an answer that waits until the submission is committed."""

import re
from http import HTTPStatus
from typing import Any, Final

from flask import Request, Response, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.api.formats import JSON, encode_json
from app.ingest.journal import Acknowledged
from app.ingest.waiting import TooManyWaiting
from app.services import current_services

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


def wanted_wait_s(request: Request) -> int | None:
    """Return how many seconds a client wants to wait for the commit; None when it doesn't wait."""
    wait = _WAIT.search(request.headers.get("Prefer", ""))
    return int(wait["seconds"]) if wait else None


def answer_after_commit(receipt: Acknowledged, answer: dict[str, Any], timeout_s: int) -> Response:
    """Answer 200 with the snapshot after the commit, or 202 when the commit isn't seen in time.

    The submission is durable, so no failure here may answer that nothing was stored.

    Args:
        receipt: The acknowledged submission or upload.
        answer: The JSON answer; the id of the snapshot is added to it.
        timeout_s: How long the client wants to wait, in seconds.
    """
    services = current_services()
    timeout_s = min(timeout_s, services.settings.max_wait_s)
    headers = {"Preference-Applied": f"wait={timeout_s}"}
    snapshot = None
    try:
        snapshot = services.commit_waiter.wait(receipt, timeout_s)
    except TooManyWaiting:
        headers = {}
    except (SQLAlchemyError, OSError):
        current_app.logger.exception("can't tell when a contribution is committed")
    if snapshot is not None:
        answer |= {"snapshot_id": str(snapshot.snapshot_id)}
    status = HTTPStatus.OK if snapshot else HTTPStatus.ACCEPTED
    return Response(encode_json(answer), status, headers, content_type=JSON)
