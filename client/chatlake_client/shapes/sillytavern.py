"""SillyTavern's chats: a JSONL file with a header and a message a line.

Sources: SillyTavern/SillyTavern, src/endpoints/chats.js and public/script.js.
"""

from collections.abc import Iterator

from chatlake_client.conversation import Application, Attachment, Conversation, Turn, last_model
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses, is_true
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import attachment_at
from chatlake_client.shapes.shape import OF_THE_FILE, Thread
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_text


def is_sillytavern(row: Json) -> bool:
    """Tell whether a row is a header or a message of a chat."""
    is_header = "character_name" in row and bool({"user_name", "chat_metadata"} & row.keys())
    return is_header or ("mes" in row and "is_user" in row)


def parts_of_sillytavern(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the line; a file is one conversation."""
    yield OF_THE_FILE, row


def read_sillytavern(lines: list[Json], losses: Losses) -> Conversation:
    """Return the conversation of the selected swipes."""
    created_at = None
    labels: dict[str, str] = {}
    turns: list[Turn] = []
    for line in lines:
        if is_true(line.get("is_system")):
            continue
        if "mes" in line:
            turns += _shown(losses.open(line, "messages[]", Level.TURN))
        else:
            header = losses.open(line)
            created_at = created_at or time_text(header.take("create_date"))
            labels |= labels_of(header, "character_name")
    return Conversation(
        turns,
        agent_id=last_model(turns),
        created_at=created_at,
        client=Application("SillyTavern"),
        labels=labels,
    )


def _shown(message: Fields) -> list[Turn]:
    role = "user" if message.flag("is_user") else "assistant"
    turn = Turn(role, message.text("mes"), name=message.label("name"))
    turn.created_at = time_text(message.take("send_date"))
    extra = message.nested("extra")
    _add_extra(turn, extra)
    split_thoughts(turn)
    swipes = message.items("swipes")
    infos = message.items("swipe_info")
    place = message.take("swipe_id")
    if not isinstance(place, int) or not 0 <= place < len(swipes):
        place = next((n for n, swipe in enumerate(swipes) if swipe == turn.content), None)
    for number, swipe in enumerate(swipes):
        info = infos[number] if number < len(infos) else None
        if number != place and isinstance(swipe, str) and swipe:
            turn.alternatives.append([_swipe(message, turn, swipe, info)])
    return [] if turn.shows_nothing else [turn]


def _swipe(message: Fields, turn: Turn, text: str, info: object) -> Turn:
    other = Turn(turn.role, text, name=turn.name)
    if isinstance(info, dict):
        known = message.inner(info, "swipe_info[]")
        other.created_at = time_text(known.take("send_date"))
        _add_extra(other, known.nested("extra"))
    split_thoughts(other)
    return other


def _add_extra(turn: Turn, extra: Fields) -> None:
    turn.model = extra.label("model") if turn.role == "assistant" else None
    turn.reasoning = extra.label("reasoning")
    for key, kind in (("image", "image"), ("video", "video")):
        if isinstance(extra.peek(key), str):
            turn.attachments.append(attachment_at(extra.text(key), kind))
    for url in extra.items("image_swipes"):
        if isinstance(url, str) and all(url != known.ref for known in turn.attachments):
            turn.attachments.append(attachment_at(url, "image"))
    files = [extra.nested("file")] if isinstance(extra.peek("file"), dict) else []
    turn.attachments += [_file(file) for file in [*files, *extra.objects("files")]]


def _file(file: Fields) -> Attachment:
    size = file.take("size")
    return Attachment(
        "file",
        name=file.label("name"),
        bytes=size if isinstance(size, int) else None,
        text=file.label("text"),
        ref=file.label("url"),
    )
