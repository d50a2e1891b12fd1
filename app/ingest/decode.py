"""Decoding: from the bytes of a submission to a contribution."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import uuid_utils
from marshmallow import ValidationError

from app.ingest.contract import SubmissionSchema, TurnSchema, credited
from app.ingest.derive import derive
from app.ingest.errors import InvalidSubmission, LimitExceeded
from app.ingest.strict_json import JsonLimits, parse
from catalog.records import Contribution, Turn, time_of

_schema: Final = SubmissionSchema()
_submission: Final = derive(_schema)
_turn: Final = derive(TurnSchema())
_decoder: Final = msgspec.json.Decoder(_submission.struct)
_encoder: Final = msgspec.json.Encoder()
_canonical: Final = msgspec.json.Encoder(order="sorted")
_REFUSED_ESCAPES: Final = (b"\\u0000", b"\\u0022")
"""NUL, which no text may hold, and the quotation mark, since quotation marks are counted."""
_DEPTH: Final = 3
"""How deep a submission without unknown keys is nested."""
_MAX_KEYS: Final = max(len(_submission.names), len(_turn.names))
"""How many keys an object of a submission without unknown keys has at most."""

if _turn.names != Turn.__struct_fields__:
    raise TypeError("TurnSchema must have the fields of Turn in the same order")


def decode(body: bytes, limits: JsonLimits, contribution_id: str) -> Contribution:
    """Return the contribution that a submission's body holds.

    Args:
        body: The JSON text, decompressed.
        limits: How large the submission may be.
        contribution_id: The id that the contribution gets; the time in it is the time of receipt.

    Raises:
        MalformedBody: The body is not JSON.
        LimitExceeded: The submission is larger than a limit.
        InvalidSubmission: A field is missing or wrong; the error names each.
    """
    plain = decode_plain(body, limits, contribution_id)
    return plain or decode_in_detail(body, limits, contribution_id)


def decode_plain(text: bytes, limits: JsonLimits, contribution_id: str) -> Contribution | None:
    """Return what `decode` would if the text can be read quickly, and None if it can't.

    None doesn't mean that the text is wrong, but that `decode_in_detail` is to judge it.

    msgspec reads the derived type straight from the bytes, and ignores some things that the
    contract doesn't. Unknown keys are refused by the type. Of equal keys msgspec takes the last,
    and doesn't tell; but then fewer quotation marks come out when what was read is written again.
    """
    if not cover_derived_type(limits):
        return None
    submission = _read(text, limits)
    if submission is None or not _is_whole(text, submission):
        return None
    values = _submission.values(submission)
    if values is None or len(submission.conversation) > limits.max_turns:
        return None
    turns = []
    for struct in submission.conversation:
        turn = _turn.values(struct)
        if turn is None:
            return None
        turns.append(Turn(*turn))
    fields = dict(zip(_submission.names, values, strict=True))
    fields["conversation"] = tuple(turns)
    fields["attribution"] = credited(fields["attribution"], fields.pop("network_attribution"))
    return _contribution(fields, contribution_id)


def cover_derived_type(limits: JsonLimits) -> bool:
    """Tell whether everything that the derived type can read is within these limits.

    Only keys and depth are compared; brackets and turns are counted for each text.
    """
    return limits.max_object_keys >= _MAX_KEYS and limits.max_nesting >= _DEPTH


def _read(text: bytes, limits: JsonLimits) -> Any:
    """Return a struct of the derived type, or None if the text doesn't fit it."""
    # A text can't have more brackets than bytes.
    if len(text) > limits.max_brackets:
        return None
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_whole(text: bytes, submission: Any) -> bool:
    """Tell whether a submission holds every string of its text, and no NUL.

    An encoder spells a quotation mark in one way only, and texts that spell it in another are
    refused here. So writing the submission gives as many quotation marks as the text has, unless a
    string was ignored.
    """
    if b"\\u00" in text and any(escape in text for escape in _REFUSED_ESCAPES):
        return False
    return text.count(b'"') == _encoder.encode(submission).count(b'"')


def _contribution(fields: dict[str, Any], contribution_id: str) -> Contribution:
    """Return a contribution, given the fields that its client decides."""
    fields["ingest_id"] = fields["ingest_id"] or contribution_id
    return Contribution(
        contribution_id=contribution_id,
        received_at=time_of(contribution_id),
        content_hash=content_hash(fields["conversation"]),
        **fields,
    )


def decode_in_detail(body: bytes, limits: JsonLimits, contribution_id: str) -> Contribution:
    """Return what `decode` does, always by the schema: slowly, and with errors that name fields."""
    document = parse(body, limits)
    _check_turns(document, limits)
    try:
        fields: dict[str, Any] = _schema.load(document)
    except ValidationError as error:
        raise InvalidSubmission(error.messages_dict) from error
    return _contribution(fields, contribution_id)


def new_contribution_id() -> str:
    """Return a new UUIDv7, greater than all earlier ones of this process."""
    return str(uuid_utils.uuid7())


def content_hash(conversation: Sequence[Turn]) -> str:
    """Return the SHA-256, in hexadecimal, of a conversation in canonical JSON.

    That is an array of turns, each an object of all five fields, written as in RFC 8785: keys
    sorted, no white space, UTF-8 without needless escapes.
    """
    return hashlib.sha256(_canonical.encode(conversation)).hexdigest()


def _check_turns(document: Any, limits: JsonLimits) -> None:
    """Refuse a conversation that is too long before each of its turns is validated."""
    turns = document.get("conversation") if isinstance(document, dict) else None
    if isinstance(turns, list) and len(turns) > limits.max_turns:
        raise LimitExceeded("max_turns", limits.max_turns, "the number of turns of conversation")
