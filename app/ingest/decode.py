"""From the bytes of a submission to a contribution."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, islice
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
_TELLING_ESCAPES: Final = (b"\\u0000", b"\\u0022")
"""NUL, which no text may hold, and the quotation mark, which is counted."""
_DEPTH: Final = 3
"""How deep a submission is nested that has nothing but what the contract knows."""
_MAX_KEYS: Final = max(len(_submission.names), len(_turn.names))
"""How many keys each of its objects has at most."""

if _turn.names != Turn.__struct_fields__:
    raise TypeError("TurnSchema has not the fields of Turn in their order, in which they pass on")


def decode(body: bytes, limits: JsonLimits, contribution_id: str) -> Contribution:
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
    plain = decode_plain(body, limits, contribution_id)
    return plain or _decode_in_detail(body, limits, contribution_id)


def decode_plain(text: bytes, limits: JsonLimits, contribution_id: str) -> Contribution | None:
    """Return what `decode` would for a text that is plainly right, and None for any other.

    The derived type reads it straight from its bytes. msgspec doesn't tell what it passes over:
    unknown keys are refused by the type; equal keys, of which it takes the last, show in the
    quotation marks that are fewer when what was read is written again.
    """
    if not _admit_the_type(limits):
        return None
    submission = _read(text, limits)
    if submission is None or not _are_whole([text], [submission]):
        return None
    values = _submission.values(submission)
    if values is None or len(submission.conversation) > limits.max_turns:
        return None
    turns = []
    for each in submission.conversation:
        turn = _turn.values(each)
        if turn is None:
            return None
        turns.append(Turn(*turn))
    fields = dict(zip(_submission.names, values, strict=True))
    fields["conversation"] = tuple(turns)
    fields["attribution"] = credited(fields["attribution"], fields.pop("network_attribution"))
    return _contribution(fields, contribution_id)


def decode_plain_texts(
    texts: Sequence[bytes], limits: JsonLimits, contribution_ids: Sequence[str]
) -> list[Contribution | None]:
    """Return what `decode_plain` does for each of many texts.

    What can be done for all of them at once is, field by field: at half the cost for each.
    """
    if not _admit_the_type(limits):
        return [None] * len(texts)
    read = [_read(text, limits) for text in texts]
    is_read = [submission is not None for submission in read]
    found = [submission for submission in read if submission is not None]
    columns = _submission.columns(found)
    fields = dict(zip(_submission.names, columns, strict=True))
    conversations = fields["conversation"]
    turn_columns = _turn.columns(list(chain.from_iterable(conversations)))
    if not (
        max(map(len, conversations), default=0) <= limits.max_turns
        and _are_whole(compress(texts, is_read), found)
        and _submission.fit(columns)
        and _turn.fit(turn_columns)
    ):
        # One of them is to blame: each is judged by itself.
        pairs = zip(texts, contribution_ids, strict=True)
        return [decode_plain(text, limits, each) for text, each in pairs]
    fields["conversation"] = _conversations(conversations, turn_columns)
    fields["attribution"] = list(
        map(credited, fields["attribution"], fields.pop("network_attribution"))
    )
    made = _contributions(fields, list(compress(contribution_ids, is_read)))
    return [next(made) if each else None for each in is_read]


def _admit_the_type(limits: JsonLimits) -> bool:
    """Tell whether whatever the derived type reads is within the limits of keys and depth."""
    return limits.max_object_keys >= _MAX_KEYS and limits.max_nesting >= _DEPTH


def _read(text: bytes, limits: JsonLimits) -> Any:
    """Return what the derived type reads, or None."""
    # A text can't have more brackets than bytes.
    if len(text) > limits.max_brackets:
        return None
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _are_whole(texts: Iterable[bytes], submissions: Sequence[Any]) -> bool:
    """Tell whether nothing of the texts was passed over when they were read, and no NUL is there.

    An encoder has one spelling for a quotation mark, and texts with another are refused here; so
    as many come out as went in, unless a string was passed over.
    """
    text = b"\n".join(texts)
    if b"\\u00" in text and any(escape in text for escape in _TELLING_ESCAPES):
        return False
    return text.count(b'"') == _encoder.encode_lines(submissions).count(b'"')


def _conversations(
    conversations: Sequence[Sequence[msgspec.Struct]], columns: Sequence[Sequence[Any]]
) -> list[tuple[Turn, ...]]:
    turns = map(Turn, *columns)
    return [tuple(islice(turns, len(conversation))) for conversation in conversations]


def _contributions(
    columns: dict[str, Sequence[Any]], contribution_ids: Sequence[str]
) -> Iterator[Contribution]:
    """Yield contributions from what their clients decide, field by field."""
    values: dict[str, Iterable[Any]] = {
        **columns,
        "contribution_id": contribution_ids,
        "received_at": map(time_of, contribution_ids),
        "ingest_id": map(_either, columns["ingest_id"], contribution_ids),
        "content_hash": map(content_hash, columns["conversation"]),
    }
    return map(Contribution, *(values[name] for name in Contribution.__struct_fields__))


def _contribution(fields: dict[str, Any], contribution_id: str) -> Contribution:
    """Return a contribution from what its client decides."""
    fields["ingest_id"] = _either(fields["ingest_id"], contribution_id)
    return Contribution(
        contribution_id=contribution_id,
        received_at=time_of(contribution_id),
        content_hash=content_hash(fields["conversation"]),
        **fields,
    )


def _either(ingest_id: str | None, contribution_id: str) -> str:
    return ingest_id or contribution_id


def _decode_in_detail(body: bytes, limits: JsonLimits, contribution_id: str) -> Contribution:
    document = parse(body, limits)
    _check_turns(document, limits)
    try:
        fields: dict[str, Any] = _schema.load(document)
    except ValidationError as error:
        raise InvalidSubmission(error.messages_dict) from error
    return _contribution(fields, contribution_id)


def new_contribution_id() -> str:
    """Return a new UUIDv7; within a process, ids never go back in time."""
    return str(uuid_utils.uuid7())


def content_hash(conversation: Sequence[Turn]) -> str:
    """Return the SHA-256, in hexadecimal, of a conversation in canonical JSON.

    Canonical is the array of turns, each an object of all its five fields, as RFC 8785 writes it:
    keys sorted, no white space, UTF-8 without needless escapes.
    """
    return hashlib.sha256(_canonical.encode(conversation)).hexdigest()


def _check_turns(document: Any, limits: JsonLimits) -> None:
    """Refuse a conversation that is too long before each of its turns is validated."""
    turns = document.get("conversation") if isinstance(document, dict) else None
    if isinstance(turns, list) and len(turns) > limits.max_turns:
        raise LimitExceeded("max_turns", limits.max_turns, "the number of turns of conversation")
