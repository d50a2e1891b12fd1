"""From the bytes of a submission to a contribution."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import uuid_utils
from marshmallow import ValidationError

from app.ingest.contract import SubmissionSchema, TurnSchema
from app.ingest.derive import derive
from app.ingest.errors import InvalidSubmission, LimitExceeded
from app.ingest.strict_json import Limits, parse
from catalog.records import Contribution, Turn, time_of

_schema: Final = SubmissionSchema()
_turn_schema: Final = TurnSchema()
_Submission: Final = derive(_schema)
_canonical: Final = msgspec.json.Encoder(order="sorted")
# The only ways in which a body that is UTF-8 can spell a NUL or a lone surrogate.
_DOUBTFUL_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def decode(body: bytes, limits: Limits, contribution_id: str) -> Contribution:
    """Return the contribution that a submission's body holds.

    Args:
        body: The JSON text, decompressed.
        limits: How large it may be.
        contribution_id: The id that it gets; its time is that of receipt.

    Raises:
        MalformedBody: It is not JSON.
        LimitExceeded: It is larger than a limit.
        InvalidSubmission: A field is missing or wrong; the error names each.
    """
    document = parse(body, limits)
    _check_turns(document, limits)
    fields = None if _DOUBTFUL_ESCAPE.search(body) else _load_fast(document)
    if fields is None:
        fields = _load(document)
    fields["ingest_id"] = fields["ingest_id"] or contribution_id
    return Contribution(
        contribution_id=contribution_id,
        received_at=time_of(contribution_id),
        content_hash=content_hash(fields["conversation"]),
        **fields,
    )


def new_contribution_id() -> str:
    """Return a new UUIDv7; within a process, ids never go back in time."""
    return str(uuid_utils.uuid7())


def content_hash(conversation: Sequence[Turn]) -> str:
    """Return the SHA-256, in hexadecimal, of a conversation in canonical JSON.

    Canonical is the array of turns, each an object of all its five fields, as RFC 8785 writes it:
    keys sorted, no white space, UTF-8 without needless escapes.
    """
    return hashlib.sha256(_canonical.encode(conversation)).hexdigest()


def _load_fast(document: Any) -> dict[str, Any] | None:
    """Return what `_load` would, if the derived type accepts the document; it is many times faster.

    It doesn't look for characters that are no text: the caller has.
    """
    try:
        submission = msgspec.convert(document, _Submission)
    except msgspec.ValidationError:
        return None
    fields = msgspec.structs.asdict(submission)
    turns = (msgspec.structs.asdict(turn) for turn in fields["conversation"])
    fields["conversation"] = [_turn_schema.make(turn) for turn in turns]
    made: dict[str, Any] = _schema.make(fields)
    return made


def _load(document: Any) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = _schema.load(document)
    except ValidationError as error:
        raise InvalidSubmission(error.messages_dict) from error
    return fields


def _check_turns(document: Any, limits: Limits) -> None:
    """Refuse a conversation that is too long before each of its turns is validated."""
    turns = document.get("conversation") if isinstance(document, dict) else None
    if isinstance(turns, list) and len(turns) > limits.max_turns:
        raise LimitExceeded("max_turns", limits.max_turns, "the number of turns of conversation")
