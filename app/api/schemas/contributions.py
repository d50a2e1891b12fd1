"""Contributions, their counts and their versions, as answers have them."""

from typing import Any, Final

from marshmallow import Schema, fields
from pyiceberg.types import (
    BooleanType,
    IcebergType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from app.api.schemas.reference import SNAPSHOT_ID_EXAMPLE
from catalog.schema import ALWAYS_PRESENT, CONVERSATION, ID, SCHEMA

_SCALARS: Final[dict[type[IcebergType], type[fields.Field[Any]]]] = {
    BooleanType: fields.Boolean,
    LongType: fields.Integer,
    StringType: fields.String,
    TimestamptzType: fields.DateTime,
}


def _schema_of(struct: StructType, name: str) -> type[Schema]:
    """Return the schema of a struct in JSON, named `{name}Schema`."""
    described = {
        field.name: fields.UUID() if field.name == ID else _field_of(field, name)
        for field in struct.fields
    }
    return Schema.from_dict(described, name=f"{name}Schema")


def _field_of(field: NestedField, within: str) -> fields.Field[Any]:
    options: dict[str, Any] = {"metadata": {"description": field.doc} if field.doc else {}}
    if field.optional and field.name in ALWAYS_PRESENT:
        options["allow_none"] = True
    name = "TurnOut" if field.name == CONVERSATION else within + field.name.title().replace("_", "")
    return _typed(field.field_type, name, options)


def _typed(kind: IcebergType, name: str, options: dict[str, Any]) -> fields.Field[Any]:
    match kind:
        case StructType():
            return fields.Nested(_schema_of(kind, name), **options)
        case ListType():
            return fields.List(_typed(kind.element_type, name, {}), **options)
        case MapType():
            keys, values = (_typed(part, name, {}) for part in (kind.key_type, kind.value_type))
            return fields.Dict(keys, values, **options)
    return _SCALARS[type(kind)](**options)


ContributionSchema: Final = _schema_of(SCHEMA.as_struct(), "Contribution")
"""A row of the lake; optional fields that nobody filled are left out."""


CONTRIBUTION_EXAMPLE: Final = {
    "contribution_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "conversation_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "received_at": "2026-11-23T08:39:11.119Z",
    "source": "my-chat-app",
    "contributor_id": None,
    "attribution": None,
    "agent_id": "mistral-7b-instruct",
    "prompt_template": None,
    "chat_template": None,
    "conversation": [
        {
            "content": "Why is the sky blue?",
            "role": "user",
            "rating": None,
            "stopped": False,
            "edited_content": None,
        },
        {
            "content": "Because of Rayleigh scattering.",
            "role": "assistant",
            "rating": "positive",
            "stopped": False,
            "edited_content": None,
            "model": "mistral-7b-instruct-v0.3",
        },
    ],
    "content_hash": "078216f5f0b36aa6fcd482f2f7a2dea0eb2f324348d25d7c421cb9c79d222612",
    "sequence_number": 3,
    "title": "The colour of the sky",
    "labels": {"language": "en"},
}


class ContributionListSchema(Schema):
    """A page of contributions, in the order of receipt."""

    contributions = fields.List(fields.Nested(ContributionSchema))
    snapshot_id = fields.String(allow_none=True, metadata={"description": "Null in an empty lake"})
    next_cursor = fields.String(allow_none=True)


CONTRIBUTION_LIST_EXAMPLE: Final = {
    "contributions": [CONTRIBUTION_EXAMPLE],
    "snapshot_id": SNAPSHOT_ID_EXAMPLE,
    "next_cursor": None,
}


class CountSchema(Schema):
    """The number of contributions that were selected."""

    count = fields.Integer()
    snapshot_id = fields.String(allow_none=True)


COUNT_EXAMPLE: Final = {"count": 2423, "snapshot_id": SNAPSHOT_ID_EXAMPLE}


class VersionSchema(Schema):
    """A version of a conversation."""

    contribution_id = fields.UUID()
    received_at = fields.DateTime()
    sequence_number = fields.Integer(metadata={"description": "Of the commit that added it"})
    snapshot_id = fields.String(
        allow_none=True, metadata={"description": "The snapshot of that commit"}
    )
    committed_at = fields.DateTime(allow_none=True)
    is_current = fields.Boolean(
        metadata={"description": "Whether no later version has replaced it as of the moment"}
    )


VERSION_EXAMPLE: Final = {
    "contribution_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "received_at": "2026-11-23T08:39:11.119000+00:00",
    "sequence_number": 3,
    "snapshot_id": SNAPSHOT_ID_EXAMPLE,
    "committed_at": "2026-11-23T08:39:12.249000+00:00",
    "is_current": True,
}


class VersionListSchema(Schema):
    """A page of the versions of one conversation, oldest first."""

    versions = fields.List(fields.Nested(VersionSchema))
    snapshot_id = fields.String(allow_none=True)
    next_cursor = fields.String(allow_none=True)


VERSION_LIST_EXAMPLE: Final = {
    "versions": [VERSION_EXAMPLE],
    "snapshot_id": SNAPSHOT_ID_EXAMPLE,
    "next_cursor": None,
}
