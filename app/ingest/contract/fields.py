"""The kinds of fields that the contract has, and what their values must be."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, ClassVar, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

Validator = validate.Validator

MAX_LABELS: Final = 32
"""Number of labels of a conversation."""

MAX_UNKNOWN_KEYS: Final = 5
"""Number of unknown keys that an error of a missing field names."""
MAX_UNKNOWN_KEY_CHARACTERS: Final = 64
"""Length at which such a key is cut off."""
_MISSING: Final = str(fields.Field.default_error_messages["required"])

MAX_NAME_CHARACTERS: Final = 512
"""Length of an id or a name; other texts are only limited by the size of the body."""


class ContractSchema(Schema):
    """An object of the contract: unknown keys are ignored, and empty texts count as absent."""

    class Meta:
        """Clients grow fields before we do."""

        unknown = EXCLUDE

    error_messages: dict[str, str] = {"type": "Must be an object."}  # noqa: RUF012  # marshmallow's

    record: ClassVar[Callable[..., Any]] = dict
    """What is made of the loaded fields, given them by name."""

    def respelt(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return an object as the contract spells it.

        Args:
            data: The object as it was sent, perhaps in another spelling that is taken too.
        """
        return data

    def completed(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the loaded fields as the record has them."""
        return data

    @pre_load
    def _prepare(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {
            name: value
            for name, value in self.respelt(data).items()
            if value != "" or self._requires(name)
        }

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        data = self.completed(data)
        # A field that is null, or an empty list or object, is one that is left out.
        for name, value in data.items():
            if value is None or value in ((), {}):
                data[name] = self.fields[name].load_default
        return type(self).record(**data)

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **_: Any) -> None:
        """Name unknown keys beside a field that is missing: it may be there, misspelt.

        Args:
            error: What is wrong with an object; gets the names.
            data: The object.
            many: Whether it is a list of objects, which the contract has nowhere.
        """
        if many or not isinstance(data, dict) or not isinstance(error.messages, dict):
            return
        known = {field.data_key or name for name, field in self.fields.items()}
        others = (key for key in self.respelt(data) if key not in known)
        unknown = [_shown(key) for key in islice(others, MAX_UNKNOWN_KEYS)]
        for messages in error.messages.values():
            if unknown and isinstance(messages, list) and _MISSING in messages:
                messages.append(f"Not known here: {', '.join(unknown)}.")

    def _requires(self, name: str) -> bool:
        field = self.fields.get(name)
        return field is not None and field.required


def _shown(key: str) -> str:
    # A key can be a text that UTF-8 can't hold.
    return key[:MAX_UNKNOWN_KEY_CHARACTERS].encode(errors="backslashreplace").decode()


class Text(fields.String):
    """A string that UTF-8 and every database can hold; it is kept to the byte."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if "\x00" in text:
            raise ValidationError("Contains a NUL character.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValidationError(
                f"Contains a lone surrogate at character {error.start}, which is no text."
            ) from error
        return text


class Bytes(Text):
    """The bytes of a file in base64, which aren't kept: the lake has no binary."""


class Time(Text):
    """A time of a client's clock: RFC 3339, with any offset from UTC."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        time = time_from(super()._deserialize(value, attr, data, **kwargs))
        if time is None:
            raise ValidationError("Not a time of RFC 3339, such as 2026-11-29T08:30:00Z.")
        return time


_RFC_3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def time_from(text: str) -> datetime | None:
    """Return the time that a text states, in UTC and whole microseconds; None if it states none.

    https://www.rfc-editor.org/rfc/rfc3339#section-5.6
    """
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Items(fields.List[Any]):
    """A list that is loaded as a tuple."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        return tuple(super()._deserialize(value, attr, data, **kwargs))


class Labels(fields.Dict):
    """Texts by key."""

    def __init__(self, **options: Any) -> None:
        """Take at most `MAX_LABELS`; the options are those of every field."""
        limit = validate.Length(max=MAX_LABELS, error="Has more than {max} labels.")
        super().__init__(validate=limit, **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        labels: dict[str, Any] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        # An error names no key: a wrong one is no text that an answer can hold.
        for key, label in labels.items():
            if not is_label(key):
                raise ValidationError("Has a key that is empty, too long, or no name.")
            _LABEL.deserialize(label)
        return labels


def is_label(key: str) -> bool:
    """Tell whether a text can be the key of a label."""
    return 0 < len(key) <= MAX_NAME_CHARACTERS and _NAME_PATTERN.match(key) is not None


def optional_text(*validators: Validator, **metadata: str) -> Text:
    """Return a field for a text that may be left out, null or empty."""
    return Text(load_default=None, allow_none=True, validate=validators, metadata=metadata)


def required_text(*validators: Validator, **metadata: str) -> Text:
    """Return a field for a text that isn't empty."""
    return Text(required=True, validate=(_NOT_EMPTY, *validators), metadata=metadata)


def optional_list(inner: fields.Field[Any], description: str) -> Items:
    """Return a field for a list that may be left out, null or empty."""
    return Items(inner, load_default=None, allow_none=True, metadata={"description": description})


def optional_object(schema: type[ContractSchema], description: str) -> fields.Nested:
    """Return a field for an object that may be left out or null."""
    return fields.Nested(
        schema, load_default=None, allow_none=True, metadata={"description": description}
    )


def optional_time(description: str) -> Time:
    """Return a field for a time that may be left out, null or empty."""
    metadata = {"description": description, "format": "date-time"}
    return Time(load_default=None, allow_none=True, metadata=metadata)


_SHORT: Final = validate.Length(max=MAX_NAME_CHARACTERS)
_NOT_EMPTY: Final = validate.Length(min=1, error="Is empty.")
HAS_TURNS: Final = validate.Length(min=1, error="Has no turns.")
IDENTIFIER: Final[tuple[Validator, ...]] = (
    _SHORT,
    validate.Regexp(
        # It matches segment by segment, so that its time is linear in the length.
        r"\A(?!\.\.(?:[/\\]|\Z))[^/\\\x00-\x1f\x7f-\x9f]*"
        r"(?:[/\\](?!\.\.(?:[/\\]|\Z))[^/\\\x00-\x1f\x7f-\x9f]*)*\Z",
        error="Contains a control character, or '..' as a path segment.",
    ),
)
# A surrogate can only stand alone here: a parser joins those of a pair.
_ONE_LINE: Final = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*\Z"
_NAME_PATTERN: Final = re.compile(rf"\A{_ONE_LINE}")
NAME: Final[tuple[Validator, ...]] = (
    _SHORT,
    validate.Regexp(_NAME_PATTERN, error="Contains a control character."),
)
# https://www.rfc-editor.org/rfc/rfc2397
_DATA_URL: Final = r"\s*data:(?:[\w.+-]+/[\w.+-]+)?(?:;[^,;\s]*)*,"
_IS_DATA_URL: Final = "is a data URL. The lake keeps no files: describe it, and leave bytes out."
NO_DATA_URL: Final = validate.Regexp(
    rf"\A(?!{_DATA_URL})", re.IGNORECASE, error=f"It {_IS_DATA_URL}"
)
ADDRESS: Final = validate.Regexp(
    # In one pattern: the OpenAPI document has one for each field.
    rf"\A(?!{_DATA_URL}){_ONE_LINE}",
    re.IGNORECASE,
    error=f"It contains a control character, or {_IS_DATA_URL}",
)
PART_TYPE: Final[tuple[Validator, ...]] = (
    _SHORT,
    validate.Regexp(
        # It would be stored as if it were a file.
        rf"\A(?!.*(?:tool|function|think|reasoning)){_ONE_LINE}",
        error="Contains a control character, or is no text and no file: calls of tools belong into "
        "tool_calls, their answers into turns with tool_call_id, and thoughts into reasoning.",
    ),
)
FILE_NAME: Final[tuple[Validator, ...]] = (_SHORT, ADDRESS)
_LABEL: Final = Text()
