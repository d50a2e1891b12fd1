"""A conversation, as clients send it."""

import json
from typing import Any

from marshmallow import fields

from app.ingest.contract.fields import (
    HAS_TURNS,
    IDENTIFIER,
    MAX_LABELS,
    NAME,
    ContractSchema,
    Items,
    Labels,
    Text,
    optional_object,
    optional_text,
    optional_time,
    required_text,
)
from app.ingest.contract.turns import TurnSchema
from catalog.records import Client


class ClientSchema(ContractSchema):
    """The application that a conversation was held in."""

    record = Client

    name = required_text(*NAME, description="Its name", example="my-chat-app")
    version = optional_text(*NAME, description="Its version", example="2.1.0")


def _submitted(network_attribution: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return the fields of a contribution that its client decides, by their names."""
    if network_attribution and not fields.get("attribution"):
        fields["attribution"] = network_attribution
    return fields


class SubmissionSchema(ContractSchema):
    """A conversation as clients send it."""

    record = staticmethod(_submitted)

    agent_id = Text(
        required=True,
        validate=IDENTIFIER,
        metadata={"description": "The model or agent talked to", "example": "mistral-7b-instruct"},
    )
    conversation = Items(
        fields.Nested(TurnSchema),
        required=True,
        validate=HAS_TURNS,
        metadata={"description": "The turns in their order"},
    )
    source = optional_text(
        *IDENTIFIER, description="Where the conversation comes from", example="my-chat-app"
    )
    submitter_id = optional_text(
        *IDENTIFIER, description="The contributor; left out, the contribution is anonymous"
    )
    ingest_id = optional_text(
        *IDENTIFIER,
        description="The client's own id. Sent again by the same contributor, the new version "
        "replaces the earlier one",
    )
    prompt_template = optional_text(description="The prompt template in use")
    chat_template = optional_text(description="The chat template in use")
    attribution = optional_text(*NAME, description="The name to credit")
    network_attribution = Text(
        data_key="network/attribution",
        load_default=None,
        allow_none=True,
        validate=NAME,
        metadata={"description": "The name to credit, as the GPT4All desktop client spells it"},
    )
    created_at = optional_time("The client's time of the conversation, in RFC 3339")
    title = optional_text(description="The title of the conversation")
    client = optional_object(ClientSchema, "The application that the conversation was held in")
    licence = optional_text(
        *NAME,
        description="The SPDX id of this conversation's licence, where its contributor states one",
        example="CC-BY-4.0",
    )
    tools = Text(
        load_default=None,
        allow_none=True,
        metadata={
            "type": ["string", "array", "null"],
            "items": {"type": "object"},
            "description": "The tools that were offered to the model, as JSON text or as a list",
        },
    )
    labels = Labels(
        load_default=None,
        allow_none=True,
        metadata={
            "description": f"What else the source knows, by key: at most {MAX_LABELS} texts",
            "additionalProperties": {"type": "string"},
            "maxProperties": MAX_LABELS,
        },
    )
    terms_version = optional_text(
        *NAME,
        description="The version of the terms of this lake that the contributor agrees to",
        example="2026-11",
    )

    def respelt(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a submission with JSON text for a list of tools."""
        tools = data.get("tools")
        if not isinstance(tools, list):
            return data
        text = json.dumps(tools, ensure_ascii=False, separators=(",", ":")) if tools else None
        return data | {"tools": text}
