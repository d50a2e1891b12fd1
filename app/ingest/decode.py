"""From the bytes of a submission to a contribution."""

import hashlib
from collections.abc import Sequence

import msgspec
import uuid_utils
from marshmallow import ValidationError

from app.ingest.contract import SubmissionSchema
from app.ingest.errors import InvalidSubmission, LimitExceeded
from app.ingest.strict_json import Limits, parse
from catalog.records import Contribution, Turn, time_of

_schema = SubmissionSchema()
_canonical = msgspec.json.Encoder(order="sorted")


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
    try:
        fields = _schema.load(document)
    except ValidationError as error:
        raise InvalidSubmission(error.messages_dict) from error
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


def _check_turns(document: object, limits: Limits) -> None:
    """Refuse a conversation that is too long before each of its turns is validated."""
    turns = document.get("conversation") if isinstance(document, dict) else None
    if isinstance(turns, list) and len(turns) > limits.max_turns:
        raise LimitExceeded("max_turns", limits.max_turns, "the number of turns of conversation")
