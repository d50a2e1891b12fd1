"""PRISM: conversations in which several models answer, and a person goes on with one answer.

Source: the card of HannahRoseKirk/prism-alignment (`conversations`).
"""

from itertools import groupby
from typing import Final

from chatlake_client.conversation import Conversation, Preference, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.rows import conversation_of
from chatlake_client.shapes.vocabulary import model_of, role_of_word

MESSAGES: Final = "conversation_history"
CHOSEN: Final = "if_chosen"


def is_prism(row: Json) -> bool:
    """Tell whether a row is a conversation of PRISM."""
    messages = row.get(MESSAGES)
    return isinstance(messages, list) and any(
        isinstance(message, dict) and CHOSEN in message for message in messages
    )


def read_prism(row: Fields) -> Conversation:
    """Return the conversation with the chosen answers; the others are their alternatives.

    Raises:
        RowError: Not one answer of an exchange is chosen.
    """
    turns: list[Turn] = []
    others = 0
    read = [_message(message) for message in row.objects(MESSAGES, level=Level.TURN)]
    for role, group in groupby(read, key=lambda message: message[0].role):
        messages = list(group)
        if role != "assistant":
            turns += [turn for turn, _ in messages]
            continue
        chosen = [turn for turn, is_chosen in messages if is_chosen]
        if len(chosen) != 1:
            raise RowError(f"{MESSAGES}: of the answers to one question one must be chosen")
        chosen[0].alternatives = [[turn] for turn, is_chosen in messages if not is_chosen]
        others = max(others, len(chosen[0].alternatives))
        turns += chosen
    ingest_id = row.label("conversation_id")
    conversation = conversation_of(row, turns)
    conversation.ingest_id = ingest_id
    if others:
        conversation.preference = Preference("ranking" if others > 1 else "pair")
    return conversation


def _message(message: Fields) -> tuple[Turn, bool]:
    """Return a turn, and whether the person chose it."""
    message.leave("score")
    role, content = role_of_word(message.take("role")), message.text("content")
    if role is None or content is None:
        raise RowError(f"{MESSAGES} must hold messages with a role and a content")
    return Turn(role, content, model=model_of(message)), message.flag(CHOSEN)
