"""Gemini's part of Google Takeout: `My Activity.json`, an exchange a row.

The question stands in the title behind a word for what was done, and the answer is HTML, which
stays as it is. Nothing says which exchanges belong to one conversation.

Source: exports as public importers read them.
"""

from typing import Final

from chatlake_client.conversation import Application, Attachment, Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.times import time_text

PRODUCTS: Final = ("Gemini Apps", "Bard")
ASKED: Final = ("Prompted ", "Asked: ", "Asked ")
"""What Takeout writes before a question, in English."""


def is_takeout(row: Json) -> bool:
    """Tell whether a row is an activity in Gemini."""
    return row.get("header") in PRODUCTS and "time" in row and "title" in row


def read_takeout(row: Fields) -> Conversation | None:
    """Return the exchange; None for activities that are no question.

    Raises:
        RowError: There are several answers, or the title is in another language.
    """
    title, answers = row.text("title") or "", row.objects("safeHtmlItem")
    asked = next((title.removeprefix(word) for word in ASKED if title.startswith(word)), None)
    if asked is None:
        if answers and not title.isascii():
            raise RowError("the title begins with no known word; choose English in the account")
        return None
    if len(answers) > 1:
        raise RowError("several answers, and nothing says whether they are versions or parts")
    turns = [Turn("user", asked)]
    turns += [Turn("assistant", answer.text("html")) for answer in answers]
    for key, kind in (("imageFile", "image"), ("attachedFiles", "file")):
        names = [name for name in row.items(key) if isinstance(name, str)]
        name = row.text(key)
        turns[0].attachments += [Attachment(kind, name=one) for one in [*names, name] if one]
    row.leave("products", "activityControls", "subtitles", "details")
    return Conversation(
        turns,
        created_at=time_text(row.take("time")),
        client=Application("Gemini"),
    )
