"""Decoding: from the bytes of a submission to a contribution."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import uuid_utils
from marshmallow import ValidationError

from app.ingest.contract import SubmissionSchema, ignored_keys
from app.ingest.decoding.content_hashes import content_hash
from app.ingest.decoding.derive import NotPlainError, derive
from app.ingest.decoding.senders import INGEST_ID, SUBMITTER_ID, Sender
from app.ingest.decoding.strict_json import JsonLimits, parse
from app.ingest.errors import InvalidSubmission, LimitExceeded
from catalog.records import Contribution, Turn, time_of

_schema: Final = SubmissionSchema()
_submission: Final = derive(SubmissionSchema)
_decoder: Final = msgspec.json.Decoder(_submission.struct)
_encoder: Final = msgspec.json.Encoder()
_REFUSED_ESCAPES: Final = (b"\\u0000", b"\\u0022")
"""NUL, which no text may hold, and the quotation mark, since quotation marks are counted."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What a submission holds.

    Attributes:
        contribution: The contribution, which has none of the ids that its client sent.
        ingest_id: The conversation's id, as its client knows it.
        guessed_id: What repetitions share whose ids own nothing; None for all others.
        is_owned: Whether its contributor can list and withdraw it.
        ignored: The keys that aren't stored, as `app.ingest.contract.ignored` names them.
    """

    contribution: Contribution
    ingest_id: str
    guessed_id: str | None
    is_owned: bool
    ignored: Sequence[str] = ()


def decode(body: bytes, limits: JsonLimits, contribution_id: str, sender: Sender) -> Decoded:
    """Return what a submission's body holds.

    Args:
        body: The JSON text, decompressed.
        limits: How large the submission may be.
        contribution_id: The id that the contribution gets; the time in it is the time of receipt.
        sender: Who sends the submission.

    Raises:
        MalformedBody: The body is not JSON.
        LimitExceeded: The submission is larger than a limit.
        InvalidSubmission: A field is missing or wrong; the error names each.
    """
    plain = decode_plain(body, limits, contribution_id, sender)
    return plain or decode_in_detail(body, limits, contribution_id, sender)


def decode_plain(
    text: bytes, limits: JsonLimits, contribution_id: str, sender: Sender
) -> Decoded | None:
    """Return what a text holds that can be read quickly, and None if it can't be.

    None doesn't mean that the text is wrong, but that `decode_in_detail` is to judge it.

    msgspec reads the derived type straight from the bytes, and ignores some things that the
    contract doesn't. Unknown keys are refused by the type. Of equal keys msgspec takes the last,
    and doesn't tell; but then fewer quotation marks come out when what was read is written again.
    """
    fields = plain_fields(text, limits)
    return None if fields is None else _decoded(fields, contribution_id, sender)


def plain_fields(text: bytes, limits: JsonLimits) -> dict[str, Any] | None:
    """Return the fields that a client decides, or None if the text can't be read quickly.

    Fields that are None may be missing.
    """
    if not cover_derived_type(limits):
        return None
    submission = _read(text, limits)
    if submission is None or not _is_whole(text, submission):
        return None
    try:
        fields: dict[str, Any] = _submission.load(submission)
    except NotPlainError:
        return None
    return fields if _turns(fields) <= limits.max_turns else None


def cover_derived_type(limits: JsonLimits) -> bool:
    """Tell whether everything that the derived type can read is within these limits.

    Only keys and depth are compared; brackets and turns are counted for each text.
    """
    return (
        limits.max_object_keys >= _submission.max_keys
        and limits.max_nesting >= _submission.max_depth
    )


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


def _decoded(
    fields: dict[str, Any], contribution_id: str, sender: Sender, ignored: Sequence[str] = ()
) -> Decoded:
    """Return what a submission holds, given the fields that its client decides."""
    ingest_id = fields.pop(INGEST_ID, None)
    identity = sender.identify(fields.pop(SUBMITTER_ID, None), ingest_id, contribution_id)
    contribution = Contribution(
        contribution_id=contribution_id,
        conversation_id=identity.conversation_id,
        contributor_id=identity.contributor_id,
        received_at=time_of(contribution_id),
        content_hash=content_hash(fields["conversation"]),
        **fields,
    )
    return Decoded(
        contribution, ingest_id or contribution_id, identity.guessed_id, identity.is_owned, ignored
    )


def decode_in_detail(
    body: bytes, limits: JsonLimits, contribution_id: str, sender: Sender
) -> Decoded:
    """Return what `decode` does, always by the schema: slowly, and with errors that name fields.

    Raises:
        MalformedBody: The body isn't strict JSON.
        LimitExceeded: The body exceeds a limit.
        InvalidSubmission: Fields are wrong; the error names each of them.
    """
    document = parse(body, limits)
    turns = document.get("conversation") if isinstance(document, dict) else None
    # A conversation that is too long is refused before each of its turns is validated.
    _check_turns(len(turns) if isinstance(turns, list) else 0, limits)
    try:
        fields: dict[str, Any] = _schema.load(document)
    except ValidationError as error:
        raise InvalidSubmission(error.messages_dict) from error
    _check_turns(_turns(fields), limits)
    return _decoded(fields, contribution_id, sender, ignored_keys(_schema, document) or ())


def new_contribution_id() -> str:
    """Return a new UUIDv7, greater than all earlier ones of this process."""
    return str(uuid_utils.uuid7())


def _turns(fields: Mapping[str, Any]) -> int:
    """Return how many turns a conversation has, with those of alternatives."""
    conversation: Sequence[Turn] = fields["conversation"]
    lists = [turn.alternatives for turn in conversation if turn.alternatives]
    return len(conversation) + sum(len(other) for others in lists for other in others)


def _check_turns(turns: int, limits: JsonLimits) -> None:
    if turns > limits.max_turns:
        raise LimitExceeded("max_turns", limits.max_turns, "the number of turns of conversation")
