"""What lists of messages tell by themselves: order, forks, speakers, and items of another kind.

Applications that keep answers side by side name the message that each one follows. APIs that list
the newest message first say so by times alone. OpenAI's newer APIs mix messages with items.

Sources: onyx-dot-app/onyx, backend/onyx/server/query_and_chat/models.py (`parent_message`);
openai/openai-python, src/openai/types/beta/threads and types/responses.
"""

from collections.abc import Callable
from typing import Final

from chatlake_client.conversation import Turn
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree
from chatlake_client.shapes.vocabulary import ROLE_KEYS, TIME_KEYS, role_of_word, unwrapped

ID_KEYS: Final = ("id", "uuid", "message_id", "messageId", "_id")
PARENT_KEYS: Final = (
    *("parent", "parent_id", "parentId", "parent_message_id", "parentMessageId"),
    *("parent_message", "parentMessage", "parent_uuid", "parentUuid"),
)
CURRENT_KEYS: Final = (
    *("current_node", "currentNode", "current_id", "currentId", "current_message_id"),
    *("currentMessageId", "leaf_id", "leafId", "current_leaf_id"),
)
"""Keys beside a list of messages that name the message which is shown last."""
CHILDREN_KEYS: Final = (
    *("children", "childrenIds", "children_ids", "latest_child_message", "latest_child_message_id"),
)
NAME_KEYS: Final = ("from", "sender", "author", "speaker", "source")
"""Keys under which applications write the name of who speaks."""
_TIME_KEYS: Final = frozenset(TIME_KEYS)
_PARENT_KEYS: Final = frozenset(PARENT_KEYS)
_NAME_KEYS: Final = frozenset({*NAME_KEYS, *(key.capitalize() for key in NAME_KEYS)})
ASSISTANTS: Final = frozenset(
    {
        *("chatgpt", "gemini", "copilot", "grok", "bing", "bard", "deepseek", "myai", "my ai"),
        *("assistant", "ai", "bot", "chatbot", "gpt"),
    }
)
"""Names that no person has; agents may be people."""
USERS: Final = frozenset({"human", "user"})
"""Names that applications give to who speaks to an assistant."""
ITEM_TYPES: Final = frozenset(
    {
        *("reasoning", "function_call", "function_call_output", "computer_call_output"),
        *("custom_tool_call", "custom_tool_call_output", "web_search_call", "file_search_call"),
        *("code_interpreter_call", "mcp_call", "image_generation_call", "computer_call"),
    }
)


def are_items(messages: list[Json]) -> bool:
    """Tell whether a list has items of OpenAI's Responses API between its messages."""
    return any(
        "type" in message
        and str(message["type"]) in ITEM_TYPES
        and not any(key in message for key in ROLE_KEYS)
        for message in messages
    )


def oldest_first(messages: list[Json]) -> list[Json]:
    """Return messages that stand newest first, by their times, the other way round."""
    if not messages or _TIME_KEYS.isdisjoint(messages[0]):
        return messages
    key = next(key for key in TIME_KEYS if key in messages[0])
    times = [(time_text(message.get(key)) or "").rstrip("Z") for message in messages]
    is_falling = all(times) and times[0] > times[-1] and times == sorted(times, reverse=True)
    return messages[::-1] if is_falling else messages


def with_user(messages: list[Json]) -> list[Json]:
    """Return messages of two speakers, of whom one is known, with the role of the other.

    Who speaks to an assistant alone is its user, whatever the name, and the other way round.
    """
    if not messages or _NAME_KEYS.isdisjoint(messages[0]):
        return messages
    stated = [unwrapped(message) for message in messages]
    for key in NAME_KEYS:
        names = {name for one in stated if isinstance(name := one.get(key), str)}
        others = {name for name in names if role_of_word(name) is None}
        is_pair = len(names) == 2 and len(others) == 1  # noqa: PLR2004
        known = {name.lower() for name in names - others}
        role = "user" if known <= ASSISTANTS else "assistant" if known <= USERS else None
        if is_pair and role:
            return [
                {**one, key: role if one[key] in others else one[key]} if key in one else one
                for one in stated
            ]
    return messages


def are_linked(messages: list[Json]) -> bool:
    """Tell whether each message of a list has an id, and most name the one that they follow."""
    if len(messages) < 2 or _PARENT_KEYS.isdisjoint(messages[-1]):  # noqa: PLR2004  # a fork needs two
        return False
    ids = [_link(message, ID_KEYS) for message in messages]
    parents = {_link(message, PARENT_KEYS) for message in messages} - {None}
    return None not in ids and len(set(ids)) == len(ids) and bool(parents & set(ids))


def turns_of_linked(
    row: Fields, messages: list[Json], read: Callable[[list[Json]], list[Turn]]
) -> list[Turn]:
    """Return the turns to the message that is shown last, with their alternatives.

    Args:
        row: The object that holds the list. It may name the message that is shown last; if it
            doesn't, that is the newest.
        messages: The messages.
        read: Returns the turns of a message.
    """
    nodes = [_node(message, read) for message in messages]
    tree = Tree(nodes)
    current = next((str(row.peek(key)) for key in CURRENT_KEYS if row.peek(key)), None)
    row.leave(*CURRENT_KEYS)
    return tree.turns_to(current if current in tree else tree.newest_leaf(), row.losses)


def _node(message: Json, read: Callable[[list[Json]], list[Turn]]) -> Node:
    own = {
        key: value
        for key, value in message.items()
        if key not in ID_KEYS and key not in PARENT_KEYS and key not in CHILDREN_KEYS
    }
    turns = [turn for turn in read([own]) if turn.role == "tool" or not turn.shows_nothing]
    time = next(filter(None, (time_text(message.get(key)) for key in TIME_KEYS)), None)
    id_, parent = _link(message, ID_KEYS), _link(message, PARENT_KEYS)
    return Node(id_ or "", parent, turns, time=time)


def _link(message: Json, keys: tuple[str, ...]) -> str | None:
    """Return the id under one of the keys."""
    values = (message.get(key) for key in keys)
    return next((str(one) for one in values if isinstance(one, str | int) and one != ""), None)
