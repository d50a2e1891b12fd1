"""The turns of a conversation, as clients send them."""

from typing import Any

from marshmallow import fields, validate

from app.ingest.contract.fields import (
    FILE_NAME,
    HAS_TURNS,
    NAME,
    NO_DATA_URL,
    ContractSchema,
    Items,
    Text,
    optional_list,
    optional_text,
    optional_time,
    required_text,
)
from app.ingest.contract.parts import Content, split_parts
from catalog.records import AlternativeTurn, Attachment, ToolCall, Turn


class ToolCallSchema(ContractSchema):
    """A call of a tool that a model made."""

    record = ToolCall

    id = optional_text(*NAME, description="The id that the tool's answer refers to")
    name = required_text(*NAME, description="The tool", example="get_weather")
    arguments = Text(
        load_default=None,
        allow_none=True,
        error_messages={"invalid": "Not a valid string: send the value's JSON as a text."},
        metadata={
            "description": "The arguments as JSON text, kept to the byte",
            "example": '{"city": "Bonn"}',
        },
    )

    def respelt(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a call that is spelt as in OpenAI's API without its object `function`."""
        function = data.get("function")
        if not isinstance(function, dict):
            return data
        own = {key: value for key, value in data.items() if key != "function"}
        if own.get("type") == "function":
            del own["type"]
        return own | function


class AttachmentSchema(ContractSchema):
    """A description of what came with a turn; its bytes aren't taken."""

    record = Attachment

    kind = required_text(
        *NAME, description="What it is, such as image, audio, video or file", example="image"
    )
    media_type = optional_text(*FILE_NAME, description="Its media type", example="image/png")
    name = optional_text(*FILE_NAME, description="The name of the file, or its address")
    bytes = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=0, max=2**63 - 1),
        metadata={"description": "The size of the file"},
    )
    sha256 = optional_text(
        validate.Regexp(r"\A[0-9a-f]{64}\Z", error="Not a SHA-256 in small hexadecimal digits."),
        description="The SHA-256 of the file, in hexadecimal",
    )
    text = optional_text(
        NO_DATA_URL,
        description="An alternative text, a transcript, or the text that was read from it",
    )


class AlternativeTurnSchema(ContractSchema):
    """One message that stood in the place of a turn, or after such a message."""

    record = AlternativeTurn

    content = Content(
        required=True,
        metadata={
            "type": ["string", "array", "null"],
            "items": {"type": "object"},
            "description": "The text, kept to the byte; or parts in the form of OpenAI's API: "
            "texts are joined, and others become attachments. It may be null or left out in a turn "
            "with calls of tools or attachments",
        },
    )
    role = optional_text(*NAME, description="Who speaks, in the client's own word", example="user")
    rating = optional_text(
        validate.OneOf(["positive", "negative"]),
        description="The contributor's judgement: positive or negative",
    )
    stopped = fields.Boolean(
        load_default=False,
        allow_none=True,
        metadata={"description": "Whether the contributor stopped the model in this turn"},
    )
    edited_content = optional_text(description="What the contributor would rather have read")
    reasoning = optional_text(description="What the model thought before it wrote the text")
    tool_calls = optional_list(
        fields.Nested(ToolCallSchema), "The calls of tools that the model made in this turn"
    )
    tool_call_id = optional_text(*NAME, description="The id of the call that this turn answers")
    name = optional_text(*NAME, description="The name of the tool or of the speaker")
    model = optional_text(*NAME, description="The model that spoke", example="mistral-7b")
    created_at = optional_time("The client's time of the turn, in RFC 3339")
    attachments = optional_list(
        fields.Nested(AttachmentSchema), "Descriptions of what came with the turn"
    )

    def respelt(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a turn with a text, and with `reasoning` for `reasoning_content`."""
        given = dict(data)
        reasoning = given.pop("reasoning_content", None)
        if given.get("reasoning") in (None, ""):
            given["reasoning"] = reasoning
        elif reasoning not in (None, "", given["reasoning"]):
            # Only one of two texts is stored, and the other one is named as ignored.
            given["reasoning_content"] = reasoning
        shows_more = given.get("tool_calls") or given.get("attachments")
        if shows_more and given.get("content") in (None, []):
            given["content"] = ""
        return given

    def completed(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the fields with a text for parts, and with the attachments among these."""
        if isinstance(data["content"], str):
            return data
        content, attachments = split_parts(data["content"])
        return data | {
            "content": content,
            "attachments": (*(data["attachments"] or ()), *attachments),
        }


class TurnSchema(AlternativeTurnSchema):
    """One message of a conversation."""

    record = Turn

    alternatives = optional_list(
        Items(
            fields.Nested(AlternativeTurnSchema),
            required=True,
            validate=HAS_TURNS,
        ),
        "What else stood in the place of this turn and all after it, best first where a rank is "
        "known: lists of turns without alternatives of their own",
    )
