"""From the bytes of a submission to a contribution."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain, islice
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
_submission: Final = derive(_schema)
_turn: Final = derive(TurnSchema())
_decoder: Final = msgspec.json.Decoder(_submission.struct)
_encoder: Final = msgspec.json.Encoder()
_canonical: Final = msgspec.json.Encoder(order="sorted")
_TELLING_ESCAPES: Final = (b"\\u0000", b"\\u0022")
"""NUL, which no text may hold, and the quotation mark, which is counted."""
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
    (plain,) = decode_plain([body], limits, [contribution_id])
    return plain or _decode_in_detail(body, limits, contribution_id)


def decode_plain(
    texts: Sequence[bytes], limits: Limits, contribution_ids: Sequence[str]
) -> list[Contribution | None]:
    """Return what `decode` would for each text that is plainly right, and None for any other.

    The derived type reads them straight from their bytes. msgspec doesn't tell what it passes over:
    unknown keys are refused by the type; equal keys, of which it takes the last, show in the
    quotation marks that are fewer when what was read is written again.
    """
    read = [_read(text, limits) for text in texts]
    found = [submission for submission in read if submission is not None]
    sent = [text for text, submission in zip(texts, read, strict=True) if submission is not None]
    columns = _submission.columns(found)
    turns = list(chain.from_iterable(columns["conversation"]))
    turn_columns = _turn.columns(turns)
    lengths = map(len, columns["conversation"])
    if not (
        all(length <= limits.max_turns for length in lengths)
        and _are_whole(sent, found)
        and _submission.fit(columns)
        and _turn.fit(turn_columns)
    ):
        # One of them is to blame; each is judged by itself.
        return [
            made
            for text, contribution_id in zip(texts, contribution_ids, strict=True)
            for made in (
                decode_plain([text], limits, [contribution_id]) if len(texts) > 1 else [None]
            )
        ]
    ids = [
        each
        for each, submission in zip(contribution_ids, read, strict=True)
        if submission is not None
    ]
    columns["conversation"] = _conversations(columns["conversation"], turn_columns)
    made = iter(_contributions(columns, ids))
    return [None if submission is None else next(made) for submission in read]


def _read(text: bytes, limits: Limits) -> msgspec.Struct | None:
    # A text can't have more brackets than bytes, so these exclude all limits but that of turns.
    if (
        len(text) > limits.max_brackets
        or limits.max_object_keys < _MAX_KEYS
        or limits.max_nesting < _DEPTH
        or (b"\\u00" in text and any(escape in text for escape in _TELLING_ESCAPES))
    ):
        return None
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _are_whole(texts: Sequence[bytes], submissions: Sequence[msgspec.Struct]) -> bool:
    """Tell whether nothing of the texts was passed over when they were read.

    An encoder spells a quotation mark as the texts do, since those that spell it by its number
    aren't read; so all of them are there again unless a string was passed over.
    """
    written = _encoder.encode_lines(submissions)
    return b"\n".join(texts).count(b'"') == written.count(b'"')


def _conversations(
    conversations: Sequence[Sequence[msgspec.Struct]], columns: dict[str, Sequence[Any]]
) -> list[tuple[Turn, ...]]:
    turns = map(Turn, *(columns[name] for name in Turn.__struct_fields__))
    return [tuple(islice(turns, len(conversation))) for conversation in conversations]


def _contributions(
    columns: dict[str, Sequence[Any]], contribution_ids: Sequence[str]
) -> Iterator[Contribution]:
    names = tuple(columns)
    for contribution_id, *values in zip(contribution_ids, *columns.values(), strict=True):
        yield _contribution(_schema.make(dict(zip(names, values, strict=True))), contribution_id)


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


def _check_turns(document: Any, limits: Limits) -> None:
    """Refuse a conversation that is too long before each of its turns is validated."""
    turns = document.get("conversation") if isinstance(document, dict) else None
    if isinstance(turns, list) and len(turns) > limits.max_turns:
        raise LimitExceeded("max_turns", limits.max_turns, "the number of turns of conversation")
