"""Lists the keys that carry meaning and that no submission has a place for.

A row that has such a key is rejected, because without it the conversation would be stored as
something else: a question without its answers, an answer without its instructions, a tree as a
line. Keys that tell where, when and how a conversation was recorded (ids, times, titles, languages,
counts, moderation) aren't listed: a conversation reads the same without them.

A key's spelling doesn't matter: `tool_calls`, `toolCalls` and `Tool-Calls` are one.
"""

from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Final

from chatlake_client.records import Json

EMPTY_JSON_TEXTS: Final = frozenset({"", "[]", "{}", "null"})
"""Texts that state nothing: in CSV and Parquet, lists and objects may be texts of JSON."""


@lru_cache(maxsize=1024)
def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def _plain_keys(*lines: str) -> frozenset[str]:
    return frozenset(_plain(key) for line in lines for key in line.split())


TEXT_KEYS: Final = _plain_keys(
    # What the model was told beside the turns.
    "system system_prompt system_message system_instruction preprompt prompt_prefix",
    "instructions custom_instructions context documents document passages passage scenario",
    # A question or an answer beside the turns.
    "instruction input prompt question query output response completion answer reply",
    # The model.
    "model model_name generator",
)
"""Keys of rows and turns that are lost unless a turn, or the agent's name, is the same text."""

VERDICT_KEYS: Final = _plain_keys(
    "label labels kto_tag rating ratings score scores reward rank preference preferred winner",
    "feedback annotation vote votes",
)
"""Keys of rows and turns that judge an answer. False is a judgement, too."""

OTHER_KEYS: Final = _plain_keys(
    # Turns that came before, and the conversation once more.
    "history conversation messages conversations conversation_a conversation_b",
    # Answers that stood, or could have stood, in the same place.
    "chosen rejected preferred_output non_preferred_output alternatives candidates choices",
    "generations completions responses outputs answers versions variants swipes siblings branches",
    "children children_ids",
    # Tools.
    "tools functions function_call tool_call tool_calls tool_results tool_definitions",
    "chat_template_kwargs",
    # What the model thought or declined.
    "reasoning reasoning_content reasoning_details thinking thinking_blocks thought thoughts",
    "refusal",
    # What came with a turn.
    "image images video videos audio audios file files attachment attachments media",
)
"""Keys of rows and turns that are lost whatever they hold."""

TURN_TEXT_KEYS: Final = TEXT_KEYS | _plain_keys("text value name sender author speaker")
"""Keys as `TEXT_KEYS`, in turns alone: the text under another key, and who speaks.

The `name` of a row is the conversation's title.
"""

TURN_OTHER_KEYS: Final = OTHER_KEYS | _plain_keys(
    # Which turn it goes on from, and which call it answers.
    "parent parent_id parent_message_id parent_uuid tool_call_id",
    # Who speaks or listens, and to whom a turn was shown.
    "is_user is_created_by_user channel recipient hidden is_hidden deleted",
    # That it broke off, or is an application's message.
    "interrupted unfinished user_stopped error is_error",
)
"""Keys as `OTHER_KEYS`, in turns alone."""


def lost_of_row(row: Json, taken: Collection[str], said: Collection[str]) -> Iterator[str]:
    """Yield the keys of a row that would be lost.

    Args:
        row: The row.
        taken: The row's keys that the submission's turns are made of.
        said: The texts that the submission holds.
    """
    return _lost(row, taken, said, TEXT_KEYS, OTHER_KEYS)


def lost_of_turn(turn: Json, taken: Collection[str], said: Collection[str]) -> Iterator[str]:
    """Yield the keys of a turn that would be lost.

    Args:
        turn: The turn.
        taken: The turn's keys that are sent.
        said: The texts that the submission holds.
    """
    return _lost(turn, taken, said, TURN_TEXT_KEYS, TURN_OTHER_KEYS)


def _lost(
    row_or_turn: Json,
    taken: Collection[str],
    said: Collection[str],
    text_keys: Collection[str],
    other_keys: Collection[str],
) -> Iterator[str]:
    for key, value in row_or_turn.items():
        if key in taken:
            continue
        plain = _plain(key)
        if plain in VERDICT_KEYS:
            is_lost = value is False or not _is_empty(value)
        elif plain in text_keys:
            is_repeated = isinstance(value, str) and value.strip() in said
            is_lost = not (is_repeated or _is_empty(value))
        else:
            is_lost = plain in other_keys and not _is_empty(value)
        if is_lost:
            yield key


def _is_empty(value: object) -> bool:
    """Tell whether a value states nothing. In Parquet, for example, every row has every key."""
    match value:
        case None | False:
            return True
        case str():
            return value.strip() in EMPTY_JSON_TEXTS
        case dict():
            return all(map(_is_empty, value.values()))
        case list():
            return all(map(_is_empty, value))
        case _:
            return False
