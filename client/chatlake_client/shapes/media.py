"""Descriptions of files that a source holds as data URLs, or points at."""

import base64
import binascii
import hashlib
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from chatlake_client.conversation import Attachment

DATA_URL: Final = "data:"


def kind_of_media(media_type: str | None) -> str:
    """Return the kind of attachment that a media type belongs to."""
    family = (media_type or "").partition("/")[0]
    return family if family in {"image", "audio", "video"} else "file"


def attachment_at(url: str | None, kind: str | None = None, **known: Any) -> Attachment:
    """Describe a file by its URL, id or name; of a data URL, by its bytes.

    Args:
        url: The URL; None when there is none.
        kind: The kind of attachment; None derives it from the media type.
        known: Further fields of the attachment: media_type, name, text.
    """
    if url and url.startswith(DATA_URL):
        head, _, data = url[len(DATA_URL) :].partition(",")
        media_type, *parameters = head.split(";")
        content = _decoded(data) if "base64" in parameters else unquote_to_bytes(data)
        known["media_type"] = media_type or known.get("media_type")
        return _described(content, kind, known)
    return Attachment(kind or kind_of_media(known.get("media_type")), ref=url, **known)


def attachment_of_base64(data: str, kind: str | None = None, **known: Any) -> Attachment:
    """Describe a file by its bytes in base64."""
    return _described(_decoded(data), kind, known)


def _described(content: bytes | None, kind: str | None, known: dict[str, Any]) -> Attachment:
    attachment = Attachment(kind or kind_of_media(known.get("media_type")), **known)
    if content is not None:
        attachment.bytes = len(content)
        attachment.sha256 = hashlib.sha256(content).hexdigest()
    return attachment


def _decoded(data: str) -> bytes | None:
    """Return the bytes of a base64 text, in either alphabet; None when the text is broken."""
    try:
        return base64.b64decode(data.strip().replace("-", "+").replace("_", "/") + "===")
    except (binascii.Error, ValueError):
        return None
