"""What the OpenAPI document says of every operation alike."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from flask_smorest import Blueprint

from app.api.errors import EnvelopeSchema
from app.api.formats import STREAMS
from app.api.schemas.reference import MOMENT_PATTERN
from app.releases.recipe import RELEASE_NAMES


def _moment_in_path(name: str, example: str) -> dict[str, Any]:
    return {
        "in": "path",
        "name": name,
        "description": "A snapshot id, `tag:…`, `as_of:…` (RFC 3339) or `now`",
        "schema": {"type": "string", "pattern": MOMENT_PATTERN},
        "example": example,
    }


SUBMISSION_EXAMPLE: Final = {
    "agent_id": "mistral-7b-instruct",
    "source": "my-chat-app",
    "conversation": [
        {"role": "user", "content": "Why is the sky blue?"},
        {"role": "assistant", "content": "Rayleigh scattering.", "rating": "positive"},
    ],
}
UPLOAD_EXAMPLE: Final = {
    "accepted": 1999,
    "rejected": 1,
    "errors": [
        {
            "line": 17,
            "message": "the submission doesn't fit the schema",
            "errors": {"agent_id": ["Missing data for required field."]},
        }
    ],
    "errors_truncated": False,
}
SNAPSHOT_EXAMPLE: Final = {
    "snapshot_id": "5205699861694616229",
    "sequence_number": 3,
    "committed_at": "2026-11-23T08:33:43.249000+00:00",
    "operation": "append",
    "batch_id": "36adcd26-d3be-4a18-92b9-3fbca4cb8ac7",
    "added_rows": 1000,
    "total_rows": 3000,
    "added_files": 1,
    "added_bytes": 20676,
}
SNAPSHOT_ID_PARAMETER: Final = _moment_in_path("snapshot_id", "5205699861694616229")
DIFF_PARAMETERS: Final = (
    _moment_in_path("before", "5205699861694616229"),
    _moment_in_path("after", "now"),
)
NAME_PARAMETER: Final = {
    "in": "path",
    "name": "name",
    "schema": {"type": "string", "pattern": RELEASE_NAMES.pattern},
    "example": "2026-11",
}
OTHER_NAME_PARAMETER: Final = {**NAME_PARAMETER, "name": "other", "example": "2026-12"}
PATH_PARAMETER: Final = {
    "in": "path",
    "name": "path",
    "schema": {"type": "string", "minLength": 1},
    "example": "parquet/train-00000.parquet",
}
CONTRIBUTION_EXAMPLE: Final = {
    "contribution_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "ingest_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "received_at": "2026-11-23T08:39:11.119Z",
    "source": "my-chat-app",
    "submitter_id": None,
    "attribution": None,
    "agent_id": "mistral-7b-instruct",
    "prompt_template": None,
    "chat_template": None,
    "conversation": [
        {
            "content": "Why is the sky blue?",
            "role": "user",
            "rating": None,
            "stopped": False,
            "edited_content": None,
        }
    ],
    "content_hash": "078216f5f0b36aa6fcd482f2f7a2dea0eb2f324348d25d7c421cb9c79d222612",
    "sequence_number": 3,
}
VERSION_EXAMPLE: Final = {
    "contribution_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "received_at": "2026-11-23T08:39:11.119000+00:00",
    "sequence_number": 3,
    "snapshot_id": "5205699861694616229",
    "committed_at": "2026-11-23T08:39:12.249000+00:00",
    "is_current": True,
}
RELEASE_EXAMPLE: Final = {
    "name": "2026-11",
    "stage": "curated",
    "snapshot_id": "5205699861694616229",
    "sequence_number": 3,
    "committed_at": "2026-11-23T08:33:43.249Z",
    "licence": "CC-BY-4.0",
    "rows": 2600,
    "file_count": 1,
    "files": [
        {
            "path": "parquet/train-00000.parquet",
            "rows": 2600,
            "bytes": 62028,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "format": "parquet",
            "split": "train",
        }
    ],
    "schema": {"type": "struct", "fields": []},
    "versions": {"chatlake": "0.1.0", "pyarrow": "25.0.1"},
    "rules": {"cleaning": "1 ftfy 6.3.1", "curating": '1 {"min_words":4}'},
    "stage_snapshots": {"chatlake.curated": "7251049835914301188"},
    "parameters": {
        "formats": ["parquet"],
        "languages": [],
        "min_rating": None,
        "test_percent": 0,
    },
    "splits": {"train": 2600, "test": 0},
    "dropped": {"superseded": 100, "near_duplicate": 300},
    "languages": {"en": 2100, "de": 500},
    "masked": {"email": 17},
    "credited": 12,
    "anonymous": 1900,
}
RELEASE_STATUS_EXAMPLE: Final = {
    "name": "2026-11",
    "stage": "curated",
    "state": "building",
    "step": "rows",
    "rows_done": 1024,
    "rows_total": 2600,
    "reason": None,
    "started_at": "2026-11-23T08:40:11.119Z",
    "updated_at": "2026-11-23T08:40:41.249Z",
    "ended_at": None,
}
RELEASE_DIFF_EXAMPLE: Final = {
    "before": "2026-11",
    "after": "2026-12",
    "stage": "curated",
    "added": 1,
    "removed": 0,
    "changed": 0,
    "total": 1,
    "rows": [{"contribution_id": "01a2078f-240f-72b8-af80-7eba2ba52819", "change": "added"}],
    "rows_truncated": False,
}

_REASONS: Final = {
    400: "The body is not JSON, is cut off, or doesn't decompress",
    404: "There is nothing by that name",
    406: "None of the accepted media types is offered",
    408: "The body didn't come in time",
    409: "Another request has it under way; try again after Retry-After seconds",
    412: "It is not the version that If-Match or If-Unmodified-Since asks for",
    413: "A limit is exceeded; the message names it",
    415: "The content type or encoding is not supported",
    416: "The range lies outside the file",
    422: "A field or parameter is missing or wrong; `errors` names it",
    429: "Too much at once; try again after Retry-After seconds. Nothing was stored",
    503: "Not now; try again after Retry-After seconds. A submission was not stored",
}


def documented(
    blueprint: Blueprint, *error_codes: int, **document: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that documents a view, and which errors it may answer with.

    Args:
        blueprint: The view's.
        error_codes: The status codes of the errors.
        document: More of the view's OpenAPI operation.
    """
    errors = {
        str(code): {
            "description": _REASONS[code],
            "content": {"application/json": {"schema": EnvelopeSchema, "example": _example(code)}},
        }
        for code in error_codes
    }
    document["responses"] = errors | document.get("responses", {})
    decorator: Callable[[Callable[..., Any]], Callable[..., Any]] = blueprint.doc(**document)
    return decorator


def in_every_stream(blueprint: Blueprint) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that documents that a view also answers with rows in every other form."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        for media_type in STREAMS:
            text = {"type": "string"}
            view = blueprint.response(HTTPStatus.OK, text, content_type=media_type)(view)
        return view

    return decorate


def _example(code: int) -> dict[str, Any]:
    fields = {"agent_id": ["Missing data for required field."]}
    return {
        "code": code,
        "status": HTTPStatus(code).phrase,
        "message": _REASONS[code],
        "errors": fields if code == HTTPStatus.UNPROCESSABLE_ENTITY else {},
    }
