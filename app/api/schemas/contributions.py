"""Contributions, their counts and their versions, as answers have them."""

from typing import Final

from marshmallow import Schema, fields

from app.api.schemas.reference import SNAPSHOT_ID_EXAMPLE


class TurnOutSchema(Schema):
    """A turn of a conversation."""

    content = fields.String()
    role = fields.String(allow_none=True)
    rating = fields.String(allow_none=True)
    stopped = fields.Boolean()
    edited_content = fields.String(allow_none=True)


class ContributionSchema(Schema):
    """A row of the lake."""

    contribution_id = fields.UUID()
    ingest_id = fields.String()
    received_at = fields.DateTime()
    source = fields.String(allow_none=True)
    submitter_id = fields.String(allow_none=True)
    attribution = fields.String(allow_none=True)
    agent_id = fields.String()
    prompt_template = fields.String(allow_none=True)
    chat_template = fields.String(allow_none=True)
    conversation = fields.List(fields.Nested(TurnOutSchema))
    content_hash = fields.String(metadata={"description": "SHA-256 of the conversation"})
    sequence_number = fields.Integer(metadata={"description": "Of the commit that added the row"})


CONTRIBUTION_EXAMPLE: Final = {
    "contribution_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "ingest_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "received_at": "2026-11-23T08:39:11.119Z",
    "source": "my-chat-app",
    "submitter_id": None,
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
        }
    ],
    "content_hash": "078216f5f0b36aa6fcd482f2f7a2dea0eb2f324348d25d7c421cb9c79d222612",
    "sequence_number": 3,
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
