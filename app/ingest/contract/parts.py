"""Contents as lists of parts, as OpenAI's API has them: texts, and what came with them.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError

from app.ingest.contract.fields import (
    ADDRESS,
    FILE_NAME,
    MAX_NAME_CHARACTERS,
    NAME,
    NO_DATA_URL,
    PART_TYPE,
    Bytes,
    ContractSchema,
    Text,
    optional_object,
    optional_text,
    required_text,
)
from catalog.records import Attachment

_TEXTS: Final = ("text", "input_text", "output_text", "refusal")
"""The types of parts that are texts."""
_ADDRESSES: Final = ("image_url", "video_url", "audio_url")
"""The keys under which a part has an object with a URL, or the URL itself."""


class _AddressSchema(ContractSchema):
    """An address of a file."""

    url = optional_text(ADDRESS)


class _AudioSchema(ContractSchema):
    """A sound that was sent along."""

    format = optional_text(*NAME)
    data = Bytes(load_default=None, allow_none=True)


class _FileSchema(ContractSchema):
    """A file that was sent along, or uploaded before."""

    filename = optional_text(*FILE_NAME)
    file_id = optional_text(*FILE_NAME)
    file_data = Bytes(load_default=None, allow_none=True, validate=NO_DATA_URL)


def _without_query(url: str | None) -> str | None:
    """Return an address without its query, which may be somebody's permission to read the file."""
    return url and re.split(r"[?#]", url, maxsplit=1)[0]


def _part(type: str, text: str | None, refusal: str | None, **files: Any) -> str | Attachment:  # noqa: A002  # the API's word
    """Return a part's text, or describe its file."""
    if type in _TEXTS:
        return text or refusal or ""
    audio, file = files["input_audio"] or {}, files["file"] or {}
    urls = [_without_query(files[key]["url"]) for key in _ADDRESSES if files[key]]
    name = next(filter(None, [*urls, file.get("filename"), file.get("file_id")]), None)
    form = audio.get("format")
    return Attachment(
        kind=type.removeprefix("input_").removesuffix("_url"),
        media_type=f"audio/{form}" if form else None,
        # An address can be long.
        name=name and name[:MAX_NAME_CHARACTERS],
        text=text,
    )


class PartSchema(ContractSchema):
    """A part of a content."""

    record = staticmethod(_part)

    type = required_text(*PART_TYPE)
    text = optional_text()
    refusal = optional_text()
    image_url = optional_object(_AddressSchema, "An image")
    video_url = optional_object(_AddressSchema, "A video")
    audio_url = optional_object(_AddressSchema, "A sound")
    input_audio = optional_object(_AudioSchema, "A sound")
    file = optional_object(_FileSchema, "A file")

    def respelt(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a part with an object for each address."""
        urls = {key: {"url": data[key]} for key in _ADDRESSES if isinstance(data.get(key), str)}
        return data | urls


class Content(Text):
    """The text of a turn, or its parts, which are loaded as texts and attachments."""

    parts: Final[ContractSchema] = PartSchema(many=True)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if isinstance(value, list):
            if not value:
                raise ValidationError("Has no parts.")
            return tuple(self.parts.load(value))
        return super()._deserialize(value, attr, data, **kwargs)


def split_parts(parts: tuple[str | Attachment, ...]) -> tuple[str, tuple[Attachment, ...]]:
    """Return the text of a content, joined with nothing between, and its attachments."""
    text = "".join([part for part in parts if isinstance(part, str)])
    return text, tuple([part for part in parts if isinstance(part, Attachment)])
