"""Makes the values that tests are about, with every field that a test doesn't care for filled in."""

from dataclasses import replace
from typing import Any

from app.ingest.decode import content_hash, new_contribution_id
from catalog.records import Contribution, Turn, time_of


def make_turns(*contents: str) -> tuple[Turn, ...]:
    """Return turns with these texts, of a user and an assistant in turn."""
    roles = ("user", "assistant")
    return tuple(Turn(content, roles[i % 2]) for i, content in enumerate(contents))


def make_contribution(*contents: str, **fields: Any) -> Contribution:
    """Return a contribution whose turns have these texts; the rest is made up or given."""
    contribution_id = fields.pop("contribution_id", None) or new_contribution_id()
    conversation = fields.pop("conversation", None) or make_turns(*(contents or ("Hi", "Hello")))
    made = Contribution(
        contribution_id=contribution_id,
        ingest_id=contribution_id,
        received_at=time_of(contribution_id),
        agent_id="test-agent",
        conversation=conversation,
        content_hash=content_hash(conversation),
    )
    return replace(made, **fields)


def make_submission(*contents: str, **fields: Any) -> dict[str, Any]:
    """Return the JSON of a submission whose turns have these texts."""
    roles = ("user", "assistant")
    turns = [
        {"content": content, "role": roles[i % 2]}
        for i, content in enumerate(contents or ("Hi", "Hello"))
    ]
    return {"agent_id": "test-agent", "conversation": turns, **fields}
