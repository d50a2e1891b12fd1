"""The contract with clients: which submissions are valid, declared once with Marshmallow.

It follows the GPT4All datalake, and takes what the clients of that send beyond its own contract:
the desktop client sends `stopped` as a string, `chat_template` and `network/attribution`; the bulk
script sends empty strings for what it doesn't know. Unknown keys are ignored, since clients grow
fields first.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

from catalog.records import AlternativeTurn, Attachment, Client, ToolCall, Turn

Validator = validate.Validator

MAX_LABELS: Final = 32
"""Number of labels of a conversation."""

MAX_NAME_CHARACTERS: Final = 512
"""Length of an id or a name; other texts are only limited by the size of the body."""


class Text(fields.String):
    """A string that UTF-8 and every database can hold; it is kept to the byte."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if "\x00" in text:
            raise ValidationError("Contains a NUL character.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValidationError(
                f"Contains a lone surrogate at character {error.start}, which is no text."
            ) from error
        return text


class ContractSchema(Schema):
    """An object of the contract: unknown keys are ignored, and empty texts count as absent."""

    class Meta:
        """Clients grow fields before we do."""

        unknown = EXCLUDE

    record: ClassVar[Callable[..., Any]] = dict
    """What is made of the loaded fields, given them by name."""

    @pre_load
    def _drop_empty(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value != "" or self._requires(name)}

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        # A field that is null, or an empty list or object, is one that is left out.
        for name, value in data.items():
            if value is None or value in ((), {}):
                data[name] = self.fields[name].load_default
        return type(self).record(**data)

    def _requires(self, name: str) -> bool:
        field = self.fields.get(name)
        return field is not None and field.required


def _optional_text(*validators: Validator, **metadata: str) -> Text:
    return Text(load_default=None, allow_none=True, validate=validators, metadata=metadata)


def _required_text(*validators: Validator, **metadata: str) -> Text:
    return Text(required=True, validate=(_NOT_EMPTY, *validators), metadata=metadata)


class Items(fields.List[Any]):
    """A list that is loaded as a tuple."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        return tuple(super()._deserialize(value, attr, data, **kwargs))


def _optional_list(inner: fields.Field[Any], description: str) -> Items:
    return Items(inner, load_default=None, allow_none=True, metadata={"description": description})


_SHORT: Final = validate.Length(max=MAX_NAME_CHARACTERS)
_NOT_EMPTY: Final = validate.Length(min=1, error="Is empty.")
_IDENTIFIER: Final[tuple[Validator, ...]] = (
    _SHORT,
    validate.Regexp(
        # It matches segment by segment, so that its time is linear in the length.
        r"\A(?!\.\.(?:[/\\]|\Z))[^/\\\x00-\x1f\x7f-\x9f]*"
        r"(?:[/\\](?!\.\.(?:[/\\]|\Z))[^/\\\x00-\x1f\x7f-\x9f]*)*\Z",
        error="Contains a control character, or '..' as a path segment.",
    ),
)
_NAME_PATTERN: Final = re.compile(r"\A[^\x00-\x1f\x7f-\x9f]*\Z")
_NAME: Final[tuple[Validator, ...]] = (
    _SHORT,
    validate.Regexp(_NAME_PATTERN, error="Contains a control character."),
)


class Time(fields.Field[datetime]):
    """A time of a client's clock: RFC 3339, with any offset from UTC."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        time = time_from(value) if isinstance(value, str) else None
        if time is None:
            raise ValidationError("Not a time of RFC 3339, such as 2026-11-29T08:30:00Z.")
        return time


_RFC_3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def time_from(text: str) -> datetime | None:
    """Return the time that a text states, in UTC and whole microseconds; None if it states none.

    https://www.rfc-editor.org/rfc/rfc3339#section-5.6
    """
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_label(key: str) -> bool:
    """Tell whether a text can be the key of a label."""
    return 0 < len(key) <= MAX_NAME_CHARACTERS and _NAME_PATTERN.match(key) is not None


class ToolCallSchema(ContractSchema):
    """A call of a tool that a model made."""

    record = ToolCall

    id = _optional_text(*_NAME, description="The id that the tool's answer refers to")
    name = _required_text(*_NAME, description="The tool", example="get_weather")
    arguments = _optional_text(
        description="The arguments as JSON text, kept to the byte", example='{"city": "Bonn"}'
    )


class AttachmentSchema(ContractSchema):
    """A description of what came with a turn; its bytes aren't taken."""

    record = Attachment

    kind = _required_text(
        *_NAME, description="What it is, such as image, audio, video or file", example="image"
    )
    media_type = _optional_text(*_NAME, description="Its media type", example="image/png")
    name = _optional_text(*_NAME, description="The name of the file")
    bytes = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=0, max=2**63 - 1),
        metadata={"description": "The size of the file"},
    )
    sha256 = _optional_text(
        validate.Regexp(r"\A[0-9a-f]{64}\Z", error="Not a SHA-256 in small hexadecimal digits."),
        description="The SHA-256 of the file, in hexadecimal",
    )
    text = _optional_text(
        description="An alternative text, a transcript, or the text that was read from it"
    )


class AlternativeTurnSchema(ContractSchema):
    """One message that stood in the place of a turn, or after such a message."""

    record = AlternativeTurn

    content = Text(required=True, metadata={"description": "The text, kept to the byte"})
    role = _optional_text(
        *_NAME, description="Who speaks, in the client's own word", example="user"
    )
    rating = _optional_text(
        validate.OneOf(["positive", "negative"]),
        description="The contributor's judgement: positive or negative",
    )
    stopped = fields.Boolean(
        load_default=False,
        allow_none=True,
        metadata={"description": "Whether the contributor stopped the model in this turn"},
    )
    edited_content = _optional_text(description="What the contributor would rather have read")
    reasoning = _optional_text(description="What the model thought before it wrote the text")
    tool_calls = _optional_list(
        fields.Nested(ToolCallSchema), "The calls of tools that the model made in this turn"
    )
    tool_call_id = _optional_text(*_NAME, description="The id of the call that this turn answers")
    name = _optional_text(*_NAME, description="The name of the tool or of the speaker")
    model = _optional_text(*_NAME, description="The model that spoke", example="mistral-7b")
    created_at = Time(
        load_default=None,
        allow_none=True,
        metadata={"description": "The client's time of the turn, in RFC 3339"},
    )
    attachments = _optional_list(
        fields.Nested(AttachmentSchema), "Descriptions of what came with the turn"
    )


class TurnSchema(AlternativeTurnSchema):
    """One message of a conversation."""

    record = Turn

    alternatives = _optional_list(
        Items(
            fields.Nested(AlternativeTurnSchema),
            required=True,
            validate=validate.Length(min=1, error="Has no turns."),
        ),
        "What else stood in the place of this turn and all after it, best first where a rank is "
        "known: lists of turns without alternatives of their own",
    )


class ClientSchema(ContractSchema):
    """The application that a conversation was held in."""

    record = Client

    name = _required_text(*_NAME, description="Its name", example="my-chat-app")
    version = _optional_text(*_NAME, description="Its version", example="2.1.0")


class Labels(fields.Dict):
    """Texts by key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            keys=Text(validate=(_NOT_EMPTY, *_NAME)),
            values=Text(),
            validate=validate.Length(max=MAX_LABELS),
            **options,
        )


def _submitted(
    attribution: str | None, network_attribution: str | None, **fields: Any
) -> dict[str, Any]:
    """Return the fields of a contribution that its client decides, by their names."""
    return {"attribution": attribution or network_attribution, **fields}


class SubmissionSchema(ContractSchema):
    """A conversation as clients send it."""

    record = staticmethod(_submitted)

    agent_id = Text(
        required=True,
        validate=_IDENTIFIER,
        metadata={"description": "The model or agent talked to", "example": "mistral-7b-instruct"},
    )
    conversation = Items(
        fields.Nested(TurnSchema),
        required=True,
        validate=validate.Length(min=1, error="Has no turns."),
        metadata={"description": "The turns in their order"},
    )
    source = _optional_text(
        *_IDENTIFIER, description="Where the conversation comes from", example="my-chat-app"
    )
    submitter_id = _optional_text(
        *_IDENTIFIER, description="The contributor; left out, the contribution is anonymous"
    )
    ingest_id = _optional_text(
        *_IDENTIFIER,
        description="The client's own id. Sent again by the same contributor, the new version "
        "replaces the earlier one",
    )
    prompt_template = _optional_text(description="The prompt template in use")
    chat_template = _optional_text(description="The chat template in use")
    attribution = _optional_text(*_NAME, description="The name to credit")
    network_attribution = Text(
        data_key="network/attribution",
        load_default=None,
        allow_none=True,
        validate=_NAME,
        metadata={"description": "The name to credit, as the GPT4All desktop client spells it"},
    )

    created_at = Time(
        load_default=None,
        allow_none=True,
        metadata={"description": "The client's time of the conversation, in RFC 3339"},
    )
    title = _optional_text(description="The title of the conversation")
    client = fields.Nested(
        ClientSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "The application that the conversation was held in"},
    )
    licence = _optional_text(
        *_NAME,
        description="The SPDX id of this conversation's licence, where its contributor states one",
        example="CC-BY-4.0",
    )
    tools = _optional_text(description="The tools that were offered to the model, as JSON text")
    labels = Labels(
        load_default=None,
        allow_none=True,
        metadata={"description": "What else the source knows, by key: at most 32 texts"},
    )
