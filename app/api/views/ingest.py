"""The view of single submissions."""

from http import HTTPStatus
from typing import Final

from flask import Response, request
from flask_smorest import Blueprint

from app.api.access import current_credentials
from app.api.body import ENCODINGS, memory_for, read_json_body
from app.api.commit_wait import PREFER_PARAMETER, answer_after_commit, wanted_wait_s
from app.api.docs import KEYED, documented
from app.api.formats import JSON, encode_json
from app.api.guards import current_guards
from app.api.limits import current_meter, network_to_note
from app.api.schemas.ingest import (
    ACKNOWLEDGEMENT_EXAMPLE,
    SUBMISSION_EXAMPLE,
    AcknowledgementSchema,
    acknowledgement,
)
from app.ingest.contract import SubmissionSchema
from app.services import current_services

blueprint = Blueprint("ingest", __name__, url_prefix="/v1/ingest", description="Submissions")

_BODY: Final = {
    "required": True,
    "description": f"A conversation, as it is or compressed ({', '.join(ENCODINGS)})",
    "content": {JSON: {"schema": SubmissionSchema, "example": SUBMISSION_EXAMPLE}},
}
_NOT_YET_COMMITTED: Final = {
    "description": "Durable, but not committed within the time that `Prefer: wait` gave",
    "content": {JSON: {"schema": AcknowledgementSchema, "example": ACKNOWLEDGEMENT_EXAMPLE}},
}


@blueprint.post("/chat")
@documented(
    blueprint,
    *KEYED,
    *(400, 408, 413, 415, 422, 429, 503),
    requestBody=_BODY,
    parameters=[PREFER_PARAMETER],
    responses={"202": _NOT_YET_COMMITTED},
)
@blueprint.response(
    HTTPStatus.OK, AcknowledgementSchema, description="Durable", example=ACKNOWLEDGEMENT_EXAMPLE
)
def submit() -> Response:
    """Submit one conversation.

    The answer comes once the conversation is synced to disk; it appears in the lake exactly once,
    within seconds. Any answer but 200 and 202 means that nothing was stored, and that sending the
    conversation again is safe. Sending it again after a lost answer is safe too: with the same
    `submitter_id`, `ingest_id` and conversation it is recognised as the same submission.
    """
    services = current_services()
    max_bytes = services.settings.max_body_bytes
    wait_s = wanted_wait_s(request.headers.get("Prefer"), services.settings.max_wait_s)
    credentials = current_credentials()
    with current_guards().bodies.holding(memory_for(request, max_bytes)):
        body = read_json_body(request, max_bytes)
        meter = current_meter()
        meter.take({"rows": 1, "bytes": len(body)})
        network = network_to_note(credentials)
        receipt = services.ingest.intake.submit(
            body, credentials, network, meter=meter, is_awaited=bool(wait_s)
        )
    answer = acknowledgement(receipt, wait_s)
    if wait_s is None:
        return Response(encode_json(answer), content_type=JSON)
    return answer_after_commit(receipt, answer, wait_s)
