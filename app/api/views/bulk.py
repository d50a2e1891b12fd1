"""The view of uploads, which have many conversations."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from flask import Response, request
from flask_smorest import Blueprint

from app.api.access import current_credentials
from app.api.body import ENCODINGS, read_ndjson
from app.api.commit_wait import PREFER_PARAMETER, answer_after_commit, wanted_wait_s
from app.api.docs import KEYED, documented
from app.api.formats import JSON, NDJSON, encode_json
from app.api.guards import current_guards
from app.api.limits import current_meter, network_to_note
from app.api.schemas.ingest import (
    SUBMISSION_EXAMPLE,
    UPLOAD_EXAMPLE,
    UploadHeadersSchema,
    UploadModeSchema,
    UploadSchema,
)
from app.api.schemas.reference import QUERY
from app.ingest.contract import SubmissionSchema
from app.ingest.uploads.options import UploadOptions
from app.services import current_services

blueprint = Blueprint("bulk", __name__, url_prefix="/v1/ingest", description="Uploads")

_BODY: Final = {
    "required": True,
    "description": "Conversations as NDJSON, one a line, of any length, as they are or compressed "
    f"({', '.join(ENCODINGS)})",
    "content": {
        NDJSON: {
            "schema": SubmissionSchema,
            "example": encode_json(SUBMISSION_EXAMPLE).decode() + "\n",
        }
    },
}
_NOT_YET_COMMITTED: Final = {
    "description": "Durable, but not committed within the time that `Prefer: wait` gave",
    "content": {JSON: {"schema": UploadSchema, "example": UPLOAD_EXAMPLE}},
}


@blueprint.post("/chats")
@blueprint.arguments(UploadModeSchema, **QUERY)
@blueprint.arguments(UploadHeadersSchema, location="headers")
@documented(
    blueprint,
    *KEYED,
    *(400, 408, 409, 413, 415, 422, 429, 503),
    requestBody=_BODY,
    parameters=[PREFER_PARAMETER],
    responses={"202": _NOT_YET_COMMITTED},
)
@blueprint.response(HTTPStatus.OK, UploadSchema, description="Durable", example=UPLOAD_EXAMPLE)
def upload(mode: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Upload many conversations.

    Each line is a submission under the same contract as a single one. The answer comes once all
    accepted lines are synced to disk; they appear in the lake together, in one snapshot, exactly
    once. Lines that are wrong are rejected, and the others stored, unless `mode=all-or-nothing`.
    Any answer but 200 and 202 means that nothing was stored, and that sending the upload again is
    safe. After a lost answer, sending it again is safe for lines with an `ingest_id`, and for all
    lines with an `Idempotency-Key`.
    """
    services = current_services()
    credentials = current_credentials()
    options = UploadOptions(
        mode["mode"] == "all-or-nothing",
        headers.get("request_key"),
        credentials,
        network_to_note(credentials),
    )
    with current_guards().uploads.holding():
        pieces = read_ndjson(request)
        receipt = services.ingest.bulk_intake.submit(pieces, options, current_meter())
    answer = msgspec.to_builtins(receipt.report)
    wait_s = wanted_wait_s(request.headers.get("Prefer"), services.settings.max_wait_s)
    if wait_s is None:
        return Response(encode_json(answer), content_type=JSON)
    return answer_after_commit(receipt, answer, wait_s)
