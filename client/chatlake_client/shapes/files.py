"""Reads what a message says of the files that came with it.

- chatlake's own turns: `attachments` with a `kind`
- Ollama: `images`, as addresses or as bytes in base64
- Other applications: lists of objects with a name, under several keys
"""

from typing import Final

from chatlake_client.conversation import Attachment
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.media import (
    DATA_URL,
    attachment_at,
    attachment_of_base64,
    kind_of_media,
)

IMAGES: Final = "images"
LISTS: Final = ("attachments", "files", "experimental_attachments")
NAME_KEYS: Final = ("name", "filename", "fileName", "file_name", "title")
MEDIA_TYPE_KEYS: Final = (
    *("media_type", "mime_type", "mediaType", "mimeType", "contentType", "content_type"),
    "file_type",
)
SIZE_KEYS: Final = ("bytes", "size", "file_size", "fileSize", "size_bytes")
TEXT_KEYS: Final = ("text", "extracted_content")
ADDRESS_KEYS: Final = ("url", "uri", "path", "id", "file_id", "uuid")
KINDS: Final = ("image", "audio", "video", "file")


def files_of(message: Fields) -> list[Attachment]:
    """Take the files of a message; lists that hold anything else stay among the lost."""
    if message.lacks((IMAGES, *LISTS)):
        return []
    found = [_image(image) for image in _texts(message, IMAGES)]
    for key in LISTS:
        files = message.peek(key)
        if isinstance(files, list) and all(map(_is_described, files)):
            found += [_file(file) for file in message.objects(key)]
    return found


def _is_described(file: object) -> bool:
    return isinstance(file, dict) and (
        file.get("kind") in KINDS or any(isinstance(file.get(key), str) for key in NAME_KEYS)
    )


def _file(file: Fields) -> Attachment:
    media_type, name = file.label(*MEDIA_TYPE_KEYS), file.label(*NAME_KEYS)
    size = file.take(*SIZE_KEYS)
    stated = file.peek("kind") or file.peek("type")
    kind = str(stated) if stated in KINDS else kind_of_media(media_type)
    file.leave("kind", "type")
    if stated in KINDS:
        file.take("kind", "type")
    attachment = attachment_at(
        file.text(*ADDRESS_KEYS), kind, media_type=media_type, name=name, text=file.text(*TEXT_KEYS)
    )
    if attachment.bytes is None and isinstance(size, int):
        attachment.bytes = size
    attachment.sha256 = attachment.sha256 or file.label("sha256")
    return attachment


def _texts(message: Fields, key: str) -> list[str]:
    """Take a list of texts; a list that holds anything else stays among the lost."""
    values = message.peek(key)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return []
    return [str(value) for value in message.items(key)]


def _image(image: str) -> Attachment:
    """Describe one of Ollama's images: a URL, or the bytes in base64."""
    is_url = image.startswith(DATA_URL) or "://" in image
    return attachment_at(image, "image") if is_url else attachment_of_base64(image, "image")
