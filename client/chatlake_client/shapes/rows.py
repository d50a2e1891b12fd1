"""Rows of data sets: a list of messages, and what a row states beside its turns.

- https://github.com/hiyouga/LLaMA-Factory, data/README.md: `system`, `tools` and `kto_tag`
- https://github.com/huggingface/trl, docs/source/dataset_formats.md: `label` beside the messages
- https://github.com/haotian-liu/LLaVA, docs/Finetune_Custom_Data.md: `image` beside the messages
- chatlake's own rows: docs/api.md there
"""

from typing import Final

from chatlake_client.conversation import Application, Conversation, Preference, Turn, last_model
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields, is_true, json_text
from chatlake_client.shapes.labels import labels_of, other_labels, stated_labels
from chatlake_client.shapes.meaning import states_something
from chatlake_client.shapes.media import attachment_at
from chatlake_client.shapes.messages import TURN_LISTS, are_by_id, turns_of
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.times import time_of
from chatlake_client.shapes.vocabulary import MODEL_KEYS, TIME_KEYS

SYSTEM_KEYS: Final = ("system", "system_prompt", "system_message", "systemPrompt")
MODEL_OBJECTS_OF_ROWS: Final = ("config", "metadata", "settings", "model")
"""Keys of a row whose object may name the model of all turns."""
IMAGE_KEYS: Final = ("image", "images")
IMAGE_MARK: Final = "<image>"
SWITCHES: Final = ("on", "off")
"""How a model was told to think, which isn't what it thought."""
LABEL_KEYS: Final = ("label", "kto_tag")
RATING_KEYS: Final = ("rating", "feedback", "reaction", "thumbs", "vote")
RATINGS: Final = {
    **dict.fromkeys(("like", "good", "thumbs_up", "upvote", "up", "positive"), "positive"),
    **dict.fromkeys(("dislike", "bad", "thumbs_down", "downvote", "down", "negative"), "negative"),
}
"""Words for a thumb up or down, in small letters."""
FIELDS: Final = {
    "agent_id": "agent_id",
    "ingest_id": "ingest_id",
    "source": "source",
    "submitter_id": "submitter_id",
    "network/attribution": "attribution",
    "attribution": "attribution",
    "prompt_template": "prompt_template",
    "chat_template": "chat_template",
    "title": "title",
    "chatTitle": "title",
    "licence": "licence",
    "license": "licence",
}
"""Texts that a row may state beside the turns, and the fields of the conversation for them."""


def is_messages(row: Json) -> bool:
    """Tell whether a row holds a list of messages."""
    return any(_is_list(row.get(key)) for key in TURN_LISTS)


def _is_list(value: object) -> bool:
    """Tell whether a value is a list, as such, as JSON, or as one list for each key."""
    if isinstance(value, dict):
        members = value.values()
        return any(isinstance(column, list) for column in members) or are_by_id(value)
    return value is not None


def read_messages(row: Fields) -> Conversation:
    """Return the conversation of a row that holds a list of messages."""
    key = next(key for key in TURN_LISTS if key in row)
    turns = turns_of(row, key)
    rate_by_label(row, turns)
    if turns and (rejected := row.label("rejected_response")):
        turns[-1].alternatives.append([Turn(turns[-1].role, rejected)])
        conversation = conversation_of(row, turns)
        conversation.preference = Preference()
        return conversation
    return conversation_of(row, turns)


def add_images(row: Fields, turns: list[Turn]) -> None:
    """Put the images beside the turns to the marks in their texts, if there are as many marks."""
    for key in IMAGE_KEYS:
        value = row.peek(key)
        images = [value] if isinstance(value, str | dict) else value
        marked = [turn for turn in turns for _ in range((turn.content or "").count(IMAGE_MARK))]
        if not marked and isinstance(images, list) and all(map(_is_file, images)):
            # Images without marks came with the first question.
            asking = [turn for turn in turns if turn.role != "system"]
            marked = asking[:1] * len(images)
        places = [_place(image) for image in images] if isinstance(images, list) else []
        if places and len(places) == len(marked) and all(places):
            row.take(key)
            for turn, place in zip(marked, places, strict=True):
                turn.attachments.append(attachment_at(place, "image"))


def _is_file(image: object) -> bool:
    """Tell whether a value names a file by more than a word."""
    place = _place(image)
    return place is not None and ("." in place or "/" in place)


def _place(image: object) -> str | None:
    """Return where an image is: a path or an address, which an object may hold."""
    if isinstance(image, dict):
        image = image.get("path") or image.get("url")
    return image if isinstance(image, str) and image else None


def conversation_of(row: Fields, turns: list[Turn]) -> Conversation:
    """Return a conversation with all that a row of a data set states beside the turns.

    What else the row states is taken last, as labels.
    """
    conversation = Conversation(turns)
    for key in row.keys():  # noqa: SIM118  # a copy, since keys are taken
        if (field := FIELDS.get(key)) and getattr(conversation, field) is None:
            setattr(conversation, field, row.label(key))
    if row.keys():
        _add_rest(row, conversation)
    conversation.agent_id = conversation.agent_id or last_model(turns)
    return conversation


def _add_rest(row: Fields, conversation: Conversation) -> None:
    add_system(row, conversation.turns)
    if not row.lacks(IMAGE_KEYS):
        add_images(row, conversation.turns)
    conversation.agent_id = (
        conversation.agent_id
        or agent_of(conversation.turns, row, *MODEL_KEYS, "generator")
        or model_within(row)
    )
    conversation.created_at = time_of(row, *TIME_KEYS)
    conversation.tools = tools_of(row)
    conversation.client = _client(row)
    switched = labels_of(row, "reasoning") if row.peek("reasoning") in SWITCHES else {}
    conversation.labels = {**stated_labels(row), **switched, **other_labels(row)}


def model_within(row: Fields) -> str | None:
    """Take the model that an object of a row names."""
    for key in MODEL_OBJECTS_OF_ROWS:
        value = row.peek(key)
        names = (*MODEL_KEYS, "id", "name") if key == "model" else MODEL_KEYS
        if isinstance(value, dict) and any(isinstance(value.get(name), str) for name in names):
            return row.nested(key).label(*names)
    return None


def _client(row: Fields) -> Application | None:
    client = row.peek("client")
    if not (isinstance(client, dict) and isinstance(client.get("name"), str)):
        return None
    inner = row.nested("client")
    return Application(inner.text("name") or "", inner.label("version"))


def add_system(row: Fields, turns: list[Turn]) -> None:
    """Put a system prompt that stands beside the turns before them, unless it is there."""
    system = row.label(*SYSTEM_KEYS)
    for key in SYSTEM_KEYS:
        if system is None and isinstance(row.peek(key), dict):
            message = row.nested(key)
            message.take("role")
            system = message.label("content", "text")
    if system is None and isinstance(row.peek("system"), list):
        parts = turns_of_parts(row.objects("system"), "system", "\n")
        system = parts[0].content if parts else None
    if system and not (turns and turns[0].content == system):
        turns.insert(0, Turn("system", system))


def tools_of(row: Fields) -> str | None:
    """Take the definitions of tools, as JSON text; None when there are none."""
    for key in ("tools", "functions"):
        if states_something(key, row.peek(key)):
            return json_text(row.take(key))
    return None


def rate_by_label(row: Fields, turns: list[Turn]) -> None:
    """Make a label of KTO the rating of the last turn."""
    for key in LABEL_KEYS:
        label = row.peek(key)
        if label is None:
            continue
        if turns and (isinstance(label, bool) or str(label).strip().lower() in {"true", "false"}):
            row.take(key)
            turns[-1].rating = "positive" if is_true(label) else "negative"


def rate_by_word(row: Fields, turn: Turn) -> None:
    """Make a word for a thumb up or down the rating of an answer."""
    if row.lacks(RATING_KEYS):
        return
    for key in RATING_KEYS:
        word = row.peek(key)
        if isinstance(word, str) and word.lower() in RATINGS:
            row.take(key)
            turn.rating = RATINGS[word.lower()]
