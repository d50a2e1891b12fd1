"""A contribution and its turns, as plain values that every layer shares.

They are msgspec structs, which are made and encoded several times faster than dataclasses: a turn
takes 0.2 µs instead of 1.9, and a whole submission only some tens of µs. They can't form cycles, so
the garbage collector doesn't track them.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Rating = Literal["positive", "negative"]


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One message of a conversation.

    Attributes:
        content: The text as it was sent, to the byte.
        role: The speaker, in the client's own word; None when the client didn't say.
        rating: The contributor's judgement of this turn; None when there is none.
        stopped: Whether the contributor stopped the model in the middle of the turn.
        edited_content: The text that the contributor put in its place; None when not edited.
    """

    content: str
    role: str | None = None
    rating: Rating | None = None
    stopped: bool = False
    edited_content: str | None = None


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """An accepted submission: one row of the lake.

    Attributes:
        contribution_id: UUIDv7 made by the server; its time is `received_at`.
        ingest_id: The client's id of the conversation; the contribution_id when it sent none.
        received_at: The server's time in UTC, in whole milliseconds.
        agent_id: The model or agent that the contributor talked to.
        conversation: The turns in their order; never empty.
        content_hash: SHA-256 of the canonical conversation, in hexadecimal.
        source: Where the conversation comes from, in the client's words; None when not said.
        submitter_id: The contributor; None when anonymous.
        attribution: The name to credit; None for no credit.
        prompt_template: The prompt template that the client used, if it said so.
        chat_template: The chat template that the client used, if it said so.
    """

    contribution_id: str
    ingest_id: str
    received_at: datetime
    agent_id: str
    conversation: tuple[Turn, ...]
    content_hash: str
    source: str | None = None
    submitter_id: str | None = None
    attribution: str | None = None
    prompt_template: str | None = None
    chat_template: str | None = None


def time_of(contribution_id: str) -> datetime:
    """Return the time of a UUIDv7, in whole milliseconds: RFC 9562, section 5.7.

    Args:
        contribution_id: The UUID in canonical form; its first twelve digits are the time.
    """
    return _time_of_milliseconds(contribution_id[:8] + contribution_id[9:13])


@lru_cache(maxsize=1)
def _time_of_milliseconds(digits: str) -> datetime:
    """Convert the hexadecimal milliseconds. Consecutive ids often share them, so one is cached."""
    return _EPOCH + timedelta(milliseconds=int(digits, 16))
