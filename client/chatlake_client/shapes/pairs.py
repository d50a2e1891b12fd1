"""Elements of lists that hold a question and its answer, as two texts or as two messages.

- two texts under `question` and `answer`, `user` and `bot` and the like: many data sets
- `humanMessage` and `assistantMessage`: sourcegraph/cody-public-snapshot,
  lib/shared/src/chat/transcript
"""

from typing import Final

from chatlake_client.conversation import Turn
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.times import time_of
from chatlake_client.shapes.vocabulary import (
    ROLE_KEYS,
    TIME_KEYS,
    model_of,
    says_something,
    speaks,
)

TEXTS: Final = (
    *(("input", "output"), ("question", "answer"), ("prompt", "response"), ("human", "assistant")),
    *(("user", "assistant"), ("instruction", "output"), ("query", "response"), ("query", "answer")),
    *(("human", "ai"), ("user", "bot"), ("user", "ai"), ("user_input", "bot_response")),
    *(("user", "system"), ("user utterance", "system response"), ("human", "bot")),
)
"""Keys of a question and its answer as texts."""
MESSAGES: Final = (
    *(("humanMessage", "assistantMessage"), ("user_message", "assistant_message")),
    *(("prompter_message", "assistant_message"), ("user", "assistant"), ("human", "assistant")),
)
"""Keys of a question and its answer as messages."""
_TEXT_KEYS: Final = frozenset(key for pair in TEXTS for key in pair)
_MESSAGE_KEYS: Final = frozenset(asked for asked, _ in MESSAGES)


def is_pair(element: Json) -> bool:
    """Tell whether an element holds a question and its answer."""
    return texts_in(element) is not None or messages_in(element) is not None


def texts_in(element: Json) -> tuple[str, str] | None:
    """Return the keys of the question and its answer that an element holds, both as texts."""
    if element.keys().isdisjoint(_TEXT_KEYS) or any(key in element for key in ROLE_KEYS):
        return None
    found = (pair for pair in TEXTS if all(isinstance(element.get(key), str) for key in pair))
    return next(found, None)


def messages_in(element: Json) -> tuple[str, str] | None:
    """Return the keys of the question and its answer that an element holds, both as messages.

    The last question may have no answer yet; its key is there, then, and null.
    """
    if element.keys().isdisjoint(_MESSAGE_KEYS):
        return None
    found = (pair for pair in MESSAGES if all(_may_be_message(element, key) for key in pair))
    return next((pair for pair in found if element[pair[0]] is not None), None)


def _may_be_message(element: Json, key: str) -> bool:
    message = element.get(key)
    return says_something(message) if isinstance(message, dict) else key in element and not message


def turns_of_texts(element: Fields, keys: tuple[str, str]) -> list[Turn]:
    """Return the turns of a question and its answer, with the system prompt that stands beside."""
    asked, answered = (Turn(None, element.text(key)) for key in keys)
    asked.role, answered.role = "user", "assistant"
    answered.model, asked.created_at = model_of(element), time_of(element, *TIME_KEYS)
    system = element.label("system")
    return [*([Turn("system", system)] if system else []), asked, answered]


def apart(elements: list[Json], row: Fields, key: str) -> list[Json]:
    """Return a list in which each message of a pair stands for itself.

    Args:
        elements: The elements, of which some may be pairs of messages.
        row: The object that holds the list; it counts what stands beside the messages.
        key: The key of the list.
    """
    messages: list[Json] = []
    for element in elements:
        if pair := messages_in(element):
            row.inner({k: v for k, v in element.items() if k not in pair}, f"{key}[]")
            for role, side in zip(("user", "assistant"), pair, strict=True):
                message = element[side]
                if isinstance(message, dict):
                    messages.append(message if speaks(message) else {"role": role, **message})
        else:
            messages.append(element)
    return messages
