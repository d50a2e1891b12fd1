"""Reads the parts of a message that are files: images, audio, videos, documents, mentions.

Sources: those of `parts.py`.
"""

from collections.abc import Callable
from typing import Final

from chatlake_client.conversation import Attachment
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.media import attachment_at, attachment_of_base64


def _of_url(kind: str, *keys: str) -> Callable[[Fields], Attachment]:
    def read(part: Fields) -> Attachment:
        inner = next((part.nested(key) for key in keys if isinstance(part.peek(key), dict)), part)
        url = inner.text("url", *keys, "image", "data", "path", "file_id", "file_url", "file_uri")
        name = inner.text("filename", "file_name", "name")
        media_type = inner.text("media_type", "mime_type", "mediaType", "mimeType")
        return attachment_at(url, kind, name=name, media_type=media_type)

    return read


def _image(part: Fields) -> Attachment:
    if "source" in part:
        return _source(part, "image")
    return _of_url("image", "image_url", "image")(part)


def _source(part: Fields, kind: str | None) -> Attachment:
    """Read Anthropic's images and documents."""
    source = part.nested("source")
    form = source.text("type")
    media_type, data = source.text("media_type"), source.text("data")
    name = part.text("title", "name")
    if form == "text":
        return Attachment("file", media_type, name, text=data)
    if data is not None:
        return attachment_of_base64(data, kind, media_type=media_type, name=name)
    return attachment_at(source.text("url", "file_id"), kind, media_type=media_type, name=name)


def _audio(part: Fields) -> Attachment:
    inner = part.nested("input_audio", "audio")
    data, form = inner.text("data"), inner.text("format")
    media_type = f"audio/{form}" if form else None
    if data is not None:
        return attachment_of_base64(data, "audio", media_type=media_type)
    return attachment_at(
        inner.text("url", "path", "id") or part.text("audio", "audio_url", "url", "path"),
        "audio",
        media_type=media_type,
    )


def _file(part: Fields) -> Attachment:
    if "source" in part:
        return _source(part, None)
    inner = part.nested("file") if isinstance(part.peek("file"), dict) else part
    name, data = inner.text("filename", "file_name", "name"), inner.text("file_data")
    if data is not None:
        return attachment_at(
            data if data.startswith("data:") else f"data:;base64,{data}", name=name
        )
    url = inner.text("file_id", "file_url", "file", "url", "id", "identifier")
    media_type = inner.text("mime_type", "media_type", "mediaType", "mimeType")
    kind = inner.peek("fileType")
    kind = kind if isinstance(kind, str) and kind in MEDIA else None
    return attachment_at(url, kind, name=name, media_type=media_type)


def _mention(part: Fields) -> Attachment:
    """Read a file whose text Zed puts into a question."""
    inner = part.nested("Mention") if "Mention" in part else part
    places = inner.nested("uri")
    file = places.nested("File", "Selection", "Directory")
    return Attachment("file", name=file.text("abs_path"), text=inner.text("content"))


MEDIA: Final[dict[str, Callable[[Fields], Attachment]]] = {
    "image": _image,
    "image_url": _image,
    "input_image": _image,
    "image_file": _of_url("image", "image_file"),
    "input_audio": _audio,
    "audio": _audio,
    "audio_url": _of_url("audio", "audio_url"),
    "video": _of_url("video", "video"),
    "video_url": _of_url("video", "video_url"),
    "file": _file,
    "input_file": _file,
    "document": _file,
    "container_upload": _file,
    "Mention": _mention,
}
"""Types of parts that are files, and what reads each."""
