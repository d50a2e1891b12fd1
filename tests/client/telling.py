"""Conversations in the words of the expectations beside the files in `exports`."""

import json
from typing import Any

from chatlake_client.conversation import Attachment, Conversation, Turn


def told(conversation: Conversation) -> dict[str, Any]:
    """A conversation in the words of the expectations."""
    preference = conversation.preference
    return stated(
        {
            "agent_id": conversation.agent_id,
            "ingest_id": conversation.ingest_id,
            "created_at": conversation.created_at,
            "source": conversation.source,
            "preference": preference
            and {"kind": preference.kind, "preferred": preference.preferred},
            "turns": [told_turn(turn) for turn in conversation.turns],
        }
    )


def told_turn(turn: Turn) -> dict[str, Any]:
    return stated(
        {
            "role": turn.role,
            "content": turn.content,
            "reasoning": turn.reasoning,
            "tool_calls": [
                stated({"id": call.id, "name": call.name})
                | {"arguments": arguments(call.arguments)}
                for call in turn.tool_calls
            ],
            "tool_call_id": turn.tool_call_id,
            "name": turn.name,
            "model": turn.model,
            "created_at": turn.created_at,
            "rating": turn.rating,
            "stopped": turn.stopped,
            "rank": turn.rank,
            "attachments": [told_attachment(attachment) for attachment in turn.attachments],
            "alternatives": [[told_turn(one) for one in other] for other in turn.alternatives],
        }
    )


def told_attachment(attachment: Attachment) -> dict[str, Any]:
    size = "inline_bytes" if attachment.sha256 else "size_bytes"
    return stated(
        {
            "kind": attachment.kind,
            "name": attachment.name,
            "mime_type": attachment.media_type,
            size: attachment.bytes,
            "ref": attachment.ref,
            "text": attachment.text,
        }
    )


def stated(value: dict[str, Any]) -> dict[str, Any]:
    """An object without what it doesn't state."""
    return {key: item for key, item in value.items() if item not in (None, "", [], {}, False)}


def arguments(text: str) -> object:
    """The arguments of a call: the object, or the text if that isn't an object's JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
