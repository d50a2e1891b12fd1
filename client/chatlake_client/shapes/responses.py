"""Reads the items of OpenAI's Responses API, which Open WebUI keeps, too.

Source: https://github.com/openai/openai-python, src/openai/types/responses.
"""

from collections.abc import Iterable

from chatlake_client.conversation import Turn
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.parts import add_turn, turns_of_parts


def turns_of_items(items: Iterable[Fields], role: str | None, joint: str) -> list[Turn]:
    """Return the turns of items; a model's thoughts, texts and calls in a row are one turn.

    Args:
        items: The items.
        role: Who speaks where an item doesn't say.
        joint: What stands between the texts of one message.
    """
    turns: list[Turn] = []
    for item in items:
        add_turns(turns, _turns_of_item(item, role, joint))
    return turns


def add_turns(turns: list[Turn], more: list[Turn]) -> None:
    """Add turns to others; what the assistant goes on to say or call belongs to its last turn."""
    for turn in more:
        before = turns[-1] if turns else None
        if before and before.role == turn.role == "assistant":
            add_turn(before, turn)
        else:
            turns.append(turn)


def _turns_of_item(item: Fields, role: str | None, joint: str) -> list[Turn]:
    if item.peek("type") not in ("message", None):
        return turns_of_parts([item], role, joint)
    item.take("type")
    role = item.text("role") or role
    text = item.text("content")
    if text is not None:
        return [Turn(role, text)]
    return turns_of_parts(item.objects("content"), role, joint)
