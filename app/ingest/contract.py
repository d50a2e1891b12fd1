"""The contract with clients: which submissions are valid, declared once with Marshmallow.

It follows the GPT4All datalake, and takes what the clients of that send beyond its own contract:
the desktop client sends `stopped` as a string, `chat_template` and `network/attribution`; the bulk
script sends empty strings for what it doesn't know. Unknown keys are ignored, since clients grow
fields first.
"""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

from catalog.records import Turn

Validator = validate.Validator

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

    @pre_load
    def _drop_empty(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value != "" or self._requires(name)}

    def _requires(self, name: str) -> bool:
        field = self.fields.get(name)
        return field is not None and field.required


def _optional_text(*validators: Validator, **metadata: str) -> Text:
    return Text(load_default=None, allow_none=True, validate=validators, metadata=metadata)


_SHORT: Final = validate.Length(max=MAX_NAME_CHARACTERS)
_IDENTIFIER: Final[tuple[Validator, ...]] = (
    _SHORT,
    validate.Regexp(
        # It matches segment by segment, so that its time is linear in the length.
        r"\A(?!\.\.(?:[/\\]|\Z))[^/\\\x00-\x1f\x7f-\x9f]*"
        r"(?:[/\\](?!\.\.(?:[/\\]|\Z))[^/\\\x00-\x1f\x7f-\x9f]*)*\Z",
        error="Contains a control character, or '..' as a path segment.",
    ),
)
_NAME: Final[tuple[Validator, ...]] = (
    _SHORT,
    validate.Regexp(r"\A[^\x00-\x1f\x7f-\x9f]*\Z", error="Contains a control character."),
)


class TurnSchema(ContractSchema):
    """One message of a conversation."""

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

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Turn:
        """Return the turn that the fields describe."""
        data["stopped"] = bool(data["stopped"])
        return Turn(**data)


class SubmissionSchema(ContractSchema):
    """A conversation as clients send it."""

    agent_id = Text(
        required=True,
        validate=_IDENTIFIER,
        metadata={"description": "The model or agent talked to", "example": "mistral-7b-instruct"},
    )
    conversation = fields.List(
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

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the fields of a contribution that its client decides, by their names."""
        desktop = data.pop("network_attribution")
        data["attribution"] = credited(data["attribution"], desktop)
        data["conversation"] = tuple(data["conversation"])
        return data


def credited(attribution: str | None, network_attribution: str | None) -> str | None:
    """Return the name to credit: the first that is given of the two that a submission can have."""
    return attribution or network_attribution
