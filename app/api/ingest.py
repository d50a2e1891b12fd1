"""Submitting conversations."""

import re
from http import HTTPStatus
from typing import Final

from flask import Response, current_app, request
from flask_smorest import Blueprint
from sqlalchemy.exc import SQLAlchemyError

from app.api.body import ENCODINGS, memory_for, read_json_body
from app.api.docs import SUBMISSION_EXAMPLE, documented
from app.api.formats import JSON, encode_json
from app.api.guards import current_guards
from app.api.schemas import AcknowledgementSchema
from app.ingest.contract import SubmissionSchema
from app.ingest.journal import Receipt
from app.ingest.waiting import NoSeat
from app.services import current_services

blueprint = Blueprint("ingest", __name__, url_prefix="/v1/ingest", description="Submissions")

_WAIT: Final = re.compile(
    r"(?:^|,)\s*wait\s*=\s*(?P<quote>\"?)(?P<seconds>[0-9]{1,9})(?P=quote)\s*(?:[,;]|$)",
    re.IGNORECASE,
)
_BODY: Final = {
    "required": True,
    "description": f"A conversation, as it is or compressed ({', '.join(ENCODINGS)})",
    "content": {JSON: {"schema": SubmissionSchema, "example": SUBMISSION_EXAMPLE}},
}
_PREFER: Final = {
    "in": "header",
    "name": "Prefer",
    "required": False,
    "schema": {"type": "string"},
    "description": "`wait=N` asks to be answered after the commit, within N seconds (RFC 7240); "
    "passed over when too many requests wait already",
    "example": "wait=10",
}
_ACKNOWLEDGED: Final = {"ingest_id": "01a2078f-240f-72b8-af80-7eba2ba52819"}
_NOT_YET_COMMITTED: Final = {
    "description": "Durable, but not committed within the time that `Prefer: wait` gave",
    "content": {JSON: {"schema": AcknowledgementSchema, "example": _ACKNOWLEDGED}},
}


@blueprint.post("/chat")
@documented(
    blueprint,
    *(400, 408, 413, 415, 422, 429, 503),
    requestBody=_BODY,
    parameters=[_PREFER],
    responses={"202": _NOT_YET_COMMITTED},
)
@blueprint.response(
    HTTPStatus.OK, AcknowledgementSchema, description="Durable", example=_ACKNOWLEDGED
)
def submit() -> Response:
    """Submit one conversation.

    The answer comes once the conversation is synced to disk; it appears in the lake exactly once,
    within seconds. Any answer but 200 and 202 means that nothing was stored, and that sending it
    again is safe. So is sending it again after a lost answer: with the same `submitter_id`,
    `ingest_id` and conversation it is recognised as the same.
    """
    services = current_services()
    max_bytes = services.settings.max_body_bytes
    with current_guards().bodies.holding(memory_for(request, max_bytes)):
        body = read_json_body(request, max_bytes, services.settings.body_timeout_s)
        receipt = services.intake.submit(body)
    wait = _WAIT.search(request.headers.get("Prefer", ""))
    if wait:
        return _answer_after_commit(receipt, int(wait["seconds"]))
    return Response(encode_json({"ingest_id": receipt.ingest_id}), content_type=JSON)


def _answer_after_commit(receipt: Receipt, timeout_s: int) -> Response:
    """Answer 200 once the contribution is committed, and 202 when that can't be told.

    It is durable: no failure may say now that nothing was stored.
    """
    services = current_services()
    timeout_s = min(timeout_s, services.settings.max_wait_s)
    headers = {"Preference-Applied": f"wait={timeout_s}"}
    snapshot = None
    try:
        snapshot = services.waiting_room.wait(receipt, timeout_s)
    except NoSeat:
        headers = {}
    except (SQLAlchemyError, OSError):
        current_app.logger.exception("can't tell when a contribution is committed")
    answer = {"ingest_id": receipt.ingest_id, "contribution_id": receipt.contribution_id}
    if snapshot is not None:
        answer["snapshot_id"] = str(snapshot.snapshot_id)
    status = HTTPStatus.OK if snapshot else HTTPStatus.ACCEPTED
    return Response(encode_json(answer), status, headers, content_type=JSON)
