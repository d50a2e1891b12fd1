"""Contributions in answers."""

from marshmallow import Schema, fields


class TurnOutSchema(Schema):
    """One message of a conversation."""

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


class ContributionListSchema(Schema):
    """A page of contributions, in the order of receipt."""

    contributions = fields.List(fields.Nested(ContributionSchema))
    snapshot_id = fields.String(allow_none=True, metadata={"description": "Null in an empty lake"})
    next_cursor = fields.String(allow_none=True)


class CountSchema(Schema):
    """How many contributions were selected."""

    count = fields.Integer()
    snapshot_id = fields.String(allow_none=True)


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


class VersionListSchema(Schema):
    """A page of the versions of one conversation, oldest first."""

    versions = fields.List(fields.Nested(VersionSchema))
    snapshot_id = fields.String(allow_none=True)
    next_cursor = fields.String(allow_none=True)
