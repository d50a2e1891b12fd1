"""Chat histories of text-generation-webui: pairs of `internal` and `visible` texts.

Source: oobabooga/text-generation-webui, modules/chat.py; `data` and `data_visible` are the names
of older versions.
"""

from chatlake_client.conversation import Application, Attachment, Conversation, Turn, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import attachment_at, kind_of_media
from chatlake_client.shapes.thoughts import split_thoughts
from chatlake_client.shapes.times import time_text

GREETING_MARK = "<|BEGIN-VISIBLE-CHAT|>"


def is_oobabooga(row: Json) -> bool:
    """Tell whether a row is a history."""
    return (isinstance(row.get("internal"), list) and "visible" in row) or (
        isinstance(row.get("data"), list) and "data_visible" in row
    )


def read_oobabooga(row: Fields) -> Conversation:
    """Return the conversation; `visible` is the copy of the texts in HTML."""
    row.leave("visible", "data_visible")
    metadata = row.nested("metadata")
    turns: list[Turn] = []
    for place, pair in enumerate(row.items("internal", "data")):
        if not isinstance(pair, list):
            raise RowError("internal must hold pairs of texts")
        for role, text in zip(("user", "assistant"), pair, strict=False):
            # A row without a text still names the model of its version.
            turn = _turn(role, text, metadata.nested(f"{role}_{place}", level=Level.TURN))
            if not turn.shows_nothing and turn.content != GREETING_MARK:
                turns.append(turn)
    return Conversation(
        turns,
        agent_id=last_model(turns),
        created_at=next((t.created_at for t in turns if t.created_at), None),
        client=Application("text-generation-webui"),
    )


def _turn(role: str, text: object, known: Fields) -> Turn:
    known.path = "metadata[]"
    turn = Turn(role, text if isinstance(text, str) else None)
    turn.created_at = time_text(known.take("timestamp"))
    turn.model = known.label("model_name")
    turn.attachments = [_attachment(file) for file in known.objects("attachments")]
    known.leave("attachments")
    split_thoughts(turn)
    versions = known.objects("versions")
    place = known.take("current_version_index")
    if not isinstance(place, int) or not 0 <= place < len(versions):
        place = len(versions) - 1
    for number, version in enumerate(versions):
        other = Turn(role, version.text("content"), created_at=time_text(version.take("timestamp")))
        version.leave("visible_content")
        other.model = version.label("model_name")
        split_thoughts(other)
        if number != place and not other.shows_nothing:
            turn.alternatives.append([other])
    return turn


def _attachment(file: Fields) -> Attachment:
    media_type, name = file.label("type"), file.label("name")
    url = file.text("image_data", "url")
    if url:
        return attachment_at(url, "image", name=name)
    kind = "image" if media_type == "image" else kind_of_media(media_type)
    return Attachment(
        kind, media_type, name, text=file.label("content"), ref=file.label("file_path")
    )
