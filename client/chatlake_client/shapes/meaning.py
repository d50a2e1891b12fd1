"""Lists the keys that carry meaning, so that a row which would lose one is rejected.

Without such a key the conversation would be stored as something else: a question without its
answers, an answer without its instructions, a tree as a line. Keys that tell where, when and how a
conversation was recorded (ids, times, languages, counts, moderation) aren't listed: a conversation
reads the same without them.

A key's spelling doesn't matter: `tool_calls`, `toolCalls` and `Tool-Calls` are one.
"""

import enum
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final

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
    "greeting first_mes first_message",
    # A question or an answer beside the turns.
    "instruction input prompt question query output response completion answer reply",
    # The model.
    "model model_name generator",
)
"""Keys of rows and turns that are lost unless a turn, or the agent's name, is the same text."""

ANSWER_WORDS: Final = (
    *("output", "response", "answer", "completion", "predict", "generat", "sampled", "resps"),
)
"""Parts of keys under which programs keep what a model answered."""

VERDICT_KEYS: Final = _plain_keys(
    "label labels kto_tag rating ratings score scores reward rank preference preferred winner",
    "feedback annotation vote votes if_chosen is_chosen",
)
"""Keys of rows and turns that judge an answer. False is a judgement, too."""

OTHER_KEYS: Final = _plain_keys(
    # Turns that came before, and the conversation once more.
    "history conversation messages conversations conversation_a conversation_b",
    # Answers that stood, or could have stood, in the same place.
    "chosen rejected preferred_output non_preferred_output alternatives candidates choices",
    "generations completions responses outputs answers versions variants swipes siblings branches",
    "children children_ids threads message_forks_hash",
    # What a model answered, as logs call it.
    "response_body response_data response_message response_json output_data output_messages",
    "completion_message rejected_response",
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
    "is_user is_human is_bot is_ai from_user from_bot is_created_by_user",
    "channel recipient hidden is_hidden deleted",
    # That it broke off, or is an application's message.
    "interrupted unfinished user_stopped error is_error",
)
"""Keys as `OTHER_KEYS`, in turns alone."""


class Level(enum.Enum):
    """What an object of a file is, which decides what its keys mean."""

    ROW = (TEXT_KEYS, OTHER_KEYS)
    TURN = (TURN_TEXT_KEYS, TURN_OTHER_KEYS)
    DETAIL = (frozenset[str](), frozenset[str]())


def means_something(key: str, value: object, level: Level, said: Collection[str]) -> bool:
    """Tell whether a conversation reads differently without a key.

    Args:
        key: The key, which `states_something`.
        value: The value.
        level: What the object is that has the key.
        said: The texts that the conversation holds, without white space around them.
    """
    text_keys, other_keys = level.value
    plain = _plain(key)
    if plain in text_keys:
        return not (isinstance(value, str) and value.strip() in said)
    return plain in other_keys or (level is not Level.DETAIL and plain in VERDICT_KEYS)


def holds_answer(values: Mapping[str, object]) -> bool:
    """Tell whether an object has a key that may hold what a model answered, in any words."""
    return any(
        any(word in _plain(key) for word in ANSWER_WORDS)
        and isinstance(value, str | list | dict)
        and states_something(key, value)
        for key, value in values.items()
    )


def is_verdict(key: str) -> bool:
    """Tell whether a key judges an answer."""
    return _plain(key) in VERDICT_KEYS


def states_something(key: str, value: object) -> bool:
    """Tell whether a value isn't empty. In Parquet, for example, every row has every key."""
    return not _is_empty(value) or (value is False and _plain(key) in VERDICT_KEYS)


def _is_empty(value: object) -> bool:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case None | False:
                pass
            case str() as text:
                if text.strip() not in EMPTY_JSON_TEXTS:
                    return False
            case dict() as members:
                waiting.extend(members.values())
            case list() as elements:
                waiting.extend(elements)
            case _:
                return False
    return True
