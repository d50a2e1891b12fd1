"""Submissions for tests of the client for chat clients."""

from chatlake_client import Submission, Turn


def submission(text: str = "Hi", *, ingest_id: str | None = None) -> Submission:
    """Return a conversation of one message."""
    return Submission(agent_id="a", conversation=[Turn(text, role="user")], ingest_id=ingest_id)


def text_of(stored: dict[str, object]) -> str:
    """Return the text of a stored submission's only message."""
    conversation = stored["conversation"]
    assert isinstance(conversation, list)
    return str(conversation[0]["content"])
