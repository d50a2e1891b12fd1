"""Google AI Studio's files on Google Drive: `chunkedPrompt` with chunks.

Each chunk is a part of a turn: a text, a thought, a file, code, or its result. Chunks of one role
that follow one another are one turn.

Source: files described in Sinity/polylogue, polylogue/schemas/providers/gemini, and read by
sources/parsers/drive.py there.
"""

from chatlake_client.conversation import Application, Attachment, Conversation, Turn
from chatlake_client.records import Json
from chatlake_client.shapes import gemini
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import attachment_of_base64
from chatlake_client.shapes.parts import add_turn
from chatlake_client.shapes.times import time_text

DRIVE_KINDS = {
    "driveImage": "image",
    "driveVideo": "video",
    "driveAudio": "audio",
    "driveDocument": "file",
    "youtubeVideo": "video",
}
INLINE_KINDS = ("inlineImage", "inlineVideo", "inlineAudio", "inlineFile")


def is_aistudio(row: Json) -> bool:
    """Tell whether a row is a prompt of AI Studio."""
    return isinstance(row.get("chunkedPrompt"), dict)


def read_aistudio(row: Fields) -> Conversation:
    """Return the conversation of a prompt; drafts that were never sent aren't a part of it."""
    prompt = row.nested("chunkedPrompt")
    turns: list[Turn] = []
    for chunk in prompt.objects("chunks", level=Level.TURN):
        _add_chunk(turns, chunk)
    turns = [turn for turn in turns if not turn.shows_nothing or turn.role == "tool"]
    first_time = next((turn.created_at for turn in turns if turn.created_at), None)
    gemini.add_instruction(row, turns)
    settings = row.nested("runSettings")
    return Conversation(
        turns,
        agent_id=gemini.model_name(settings.label("model")),
        created_at=first_time,
        title=row.label("title"),
        client=Application("Google AI Studio"),
        labels=labels_of(settings, "temperature", "topP", "topK"),
    )


def _add_chunk(turns: list[Turn], chunk: Fields) -> None:
    stated = chunk.text("role") or "user"
    role = gemini.ROLES.get(stated, stated)
    created_at = time_text(chunk.take("createTime"))
    chunk.leave("branchParent", "branchChildren", "errorMessage", "thoughtSignatures", "isEdited")
    if "codeExecutionResult" in chunk:
        output = chunk.nested("codeExecutionResult").text("output")
        turns.append(Turn("tool", output or "", name=gemini.CODE_TOOL, created_at=created_at))
        return
    turn = Turn(role, created_at=created_at)
    if chunk.peek("text"):
        # The parts are the text once more, in the pieces in which it came.
        chunk.take("parts")
    for part in [*chunk.objects("parts"), chunk]:
        gemini.add_part(turn, part)
    _add_files(turn, chunk)
    before = turns[-1] if turns else None
    if before and before.role == role:
        add_turn(before, turn)
    else:
        turns.append(turn)


def _add_files(turn: Turn, chunk: Fields) -> None:
    for key, kind in DRIVE_KINDS.items():
        if key in chunk:
            turn.attachments.append(Attachment(kind, ref=chunk.nested(key).label("id", "url")))
    for key in INLINE_KINDS:
        if key in chunk:
            file = chunk.nested(key)
            media_type, data = file.label("mimeType"), file.text("data") or ""
            turn.attachments.append(attachment_of_base64(data, media_type=media_type))
