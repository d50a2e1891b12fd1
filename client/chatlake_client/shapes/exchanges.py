"""Questions with their answers one a row: rows with one id are a conversation.

- `prompt`, `response` and `system` with `conversation_id`: simonw/llm, docs/logging.md
- `query` and `answer` with `conversation_id`: langgenius/dify, its API of messages
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client.conversation import Conversation, Turn
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.instructions import is_instruction, read_instruction
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.rows import RATINGS
from chatlake_client.shapes.scattered import THREAD_KEYS, in_order, thread_of
from chatlake_client.shapes.shape import Thread

TURNS_BEFORE: Final = ("history", "context", "messages")
"""Keys under which a row may hold what came before it; then it is whole by itself."""


def is_exchange(row: Json) -> bool:
    """Tell whether a row is a question with an answer that names its conversation."""
    return (
        is_instruction(row)
        and thread_of(row) is not None
        and not any(row.get(key) for key in TURNS_BEFORE)
    )


def parts_of_exchange(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the row with the id of its conversation."""
    yield thread_of(row), row


def read_exchanges(rows: list[Json], losses: Losses) -> Conversation:
    """Return the conversation by the rows' places, or else by their times, or as they stand."""
    read = [_read(losses.open(row, level=Level.ROW)) for row in in_order(rows)]
    conversation, *others = read
    system = None
    turns: list[Turn] = []
    for each in read:
        for turn in each.turns:
            if turn.role != "system":
                turns.append(turn)
            elif turn.content != system:
                system = turn.content
                turns.append(turn)
    conversation.turns = turns
    conversation.agent_id = read[-1].agent_id or conversation.agent_id
    for key, text in list(conversation.labels.items()):
        if any(other.labels.get(key, text) != text for other in others):
            del conversation.labels[key]
            losses.lose(key, is_meant=False)
    for key in {key for other in others for key in other.labels} - conversation.labels.keys():
        losses.lose(key, is_meant=False)
    return conversation


def _read(row: Fields) -> Conversation:
    rating = None
    if isinstance(row.peek("feedback"), dict):
        rating = RATINGS.get((row.nested("feedback").text("rating") or "").lower())
    row.take("id", *THREAD_KEYS)
    conversation = read_instruction(row)
    asked, answered = conversation.turns[-2:]
    asked.created_at = conversation.created_at
    answered.model = conversation.agent_id
    answered.rating = answered.rating or rating
    return conversation
