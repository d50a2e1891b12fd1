"""From the bytes of a submission to a contribution."""

import hashlib
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
_submission: Final = derive(_schema)
_turn: Final = derive(_turn_schema)
_decoder: Final = msgspec.json.Decoder(_submission.struct)
_encoder: Final = msgspec.json.Encoder()
_canonical: Final = msgspec.json.Encoder(order="sorted")
_DEPTH: Final = 3
"""How deep a submission is nested that has nothing but what the contract knows."""
_MAX_KEYS: Final = max(len(_submission.defaults), len(_turn.defaults))
"""How many keys each of its objects has at most."""


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
    return decode_plain(body, limits, contribution_id) or _decode_in_detail(
        body, limits, contribution_id
    )


def decode_plain(body: bytes, limits: Limits, contribution_id: str) -> Contribution | None:
    """Return what `decode` would for a body that is plainly right, and None for any other.

    The derived type reads it straight from its bytes. msgspec doesn't tell what it passes over:
    unknown keys are refused by the type; equal keys, of which it takes the last, show in the
    quotation marks that are fewer when what was read is written again.
    """
    # A body can't have more brackets than bytes, so these exclude all limits but that of turns.
    if (
        len(body) > limits.max_brackets
        or limits.max_object_keys < _MAX_KEYS
        or limits.max_nesting < _DEPTH
        or b"\\u0000" in body
    ):
        return None
    try:
        submission = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if _structural_quotes(body) != _structural_quotes(_encoder.encode(submission)):
        return None
    fields = _submission.values(submission)
    if len(fields["conversation"]) > limits.max_turns:
        return None
    fields["conversation"] = [
        _turn_schema.make(_turn.values(turn)) for turn in fields["conversation"]
    ]
    return _contribution(_schema.make(fields), contribution_id)


def _decode_in_detail(body: bytes, limits: Limits, contribution_id: str) -> Contribution:
    document = parse(body, limits)
    _check_turns(document, limits)
    try:
        fields: dict[str, Any] = _schema.load(document)
    except ValidationError as error:
        raise InvalidSubmission(error.messages_dict) from error
    return _contribution(fields, contribution_id)


def _contribution(fields: dict[str, Any], contribution_id: str) -> Contribution:
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


def _structural_quotes(text: bytes) -> int:
    """Count the quotation marks of a JSON text that begin or end a string: two for each of them."""
    if b"\\" not in text:
        return text.count(b'"')
    # Of a run of backslashes each pair is one of the string's own; one that is left over escapes.
    unpaired = text.replace(b"\\\\", b"")
    return unpaired.count(b'"') - unpaired.count(b'\\"')


def _check_turns(document: Any, limits: Limits) -> None:
    """Refuse a conversation that is too long before each of its turns is validated."""
    turns = document.get("conversation") if isinstance(document, dict) else None
    if isinstance(turns, list) and len(turns) > limits.max_turns:
        raise LimitExceeded("max_turns", limits.max_turns, "the number of turns of conversation")
