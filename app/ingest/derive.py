"""A msgspec type derived from a Marshmallow schema: one declaration, checked fast or in detail.

What the derived type accepts, the schema accepts too, with the same values. What the type refuses
may still be right, such as a boolean that is sent as a string: the schema is to judge that.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from marshmallow import fields, validate
from msgspec import UNSET, UnsetType

from app.ingest.contract import ContractSchema, Items, Labels, Text, Time, is_label, time_from


class NotPlainError(Exception):
    """A value that the derived type accepts is to be judged by the schema."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A struct type with the fields, keys and validators of a schema.

    Attributes:
        struct: The type. A value that a text leaves out is UNSET, which an encoder leaves out
            again. Keys that the schema doesn't know are refused.
        names: Names of the fields, in the schema's order.
        defaults: For each field the value that replaces one which is left out, null or empty.
        patterns: For each pattern of a field the field's position and the pattern. They aren't part
            of the type: msgspec would match each value by itself, at several times the cost of all
            else that it does, while most columns have few different values.
        conversions: For each field whose values the schema converts, the field's position and a
            function that does the same, or raises NotPlainError.
        record: What the schema makes of the values, which it is given by position; those at the end
            that have their defaults may be left out.
    """

    struct: type[msgspec.Struct]
    names: Sequence[str]
    defaults: Sequence[Any]
    patterns: Sequence[tuple[int, re.Pattern[str]]]
    conversions: Sequence[tuple[int, Callable[[Any], Any]]]
    record: Callable[..., Any]

    def load(self, struct: msgspec.Struct) -> Any:
        """Return what the schema loads from a text that was decoded to a struct of this type.

        Raises:
            NotPlainError: The schema is to judge the text.
        """
        given = msgspec.structs.astuple(struct)
        # Most turns have the first few fields only, and many are loaded.
        number = len(given)
        while given[number - 1] is UNSET:
            number -= 1
        values = [
            value or default for value, default in zip(given[:number], self.defaults, strict=False)
        ]
        for position, pattern in self.patterns:
            if position >= number:
                break
            value = values[position]
            if value is not None and pattern.match(value) is None:
                raise NotPlainError
        for position, convert in self.conversions:
            if position >= number:
                break
            if values[position] is not None:
                values[position] = convert(values[position])
        return self.record(*values)


@cache
def derive(schema_type: type[ContractSchema]) -> Derived:
    """Return the type that is derived from a schema.

    Raises:
        TypeError: A field or a validator of the schema has no counterpart in this module yet.
    """
    schema = schema_type()
    struct = msgspec.defstruct(
        schema_type.__name__,
        [_member(name, field) for name, field in schema.fields.items()],
        rename={name: field.data_key for name, field in schema.fields.items() if field.data_key},
        kw_only=True,
        forbid_unknown_fields=True,
        # Structs of this type hold no cycles, and many are made at once.
        gc=False,
    )
    # msgspec describes a type to itself when it is first used, and a thread that uses the type
    # meanwhile crashes the process (seen with 0.22.0). Making a decoder makes the description now.
    msgspec.json.Decoder(struct)
    members = list(enumerate(schema.fields.values()))
    return Derived(
        struct,
        tuple(schema.fields),
        tuple(map(_default, schema.fields.values())),
        [(position, pattern) for position, field in members for pattern in patterns(field)],
        [(position, convert) for position, field in members if (convert := _conversion(field))],
        _record(schema),
    )


def _record(schema: ContractSchema) -> Callable[..., Any]:
    names, record = tuple(schema.fields), schema.record
    if not (isinstance(record, type) and issubclass(record, msgspec.Struct)):
        defaults = dict(zip(names, map(_default, schema.fields.values()), strict=True))
        return lambda *values: record(**(defaults | dict(zip(names, values, strict=False))))
    if names != record.__struct_fields__:
        raise TypeError(f"{schema!r} must have the fields of {record!r} in the same order")
    return record


def _conversion(field: fields.Field[Any]) -> Callable[[Any], Any] | None:
    match field:
        case Time():
            return _time
        case Labels():
            return _labels
        case fields.Nested():
            return derive(type(field.schema)).load
        case Items(inner=inner) if convert := _conversion(inner):
            return partial(_tuple, convert)
    return None


def _tuple(convert: Callable[[Any], Any], items: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([convert(item) for item in items])


def _time(text: str) -> datetime:
    time = time_from(text)
    if time is None:
        raise NotPlainError
    return time


def _labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    if not all(map(is_label, labels)):
        raise NotPlainError
    return labels


def _default(field: fields.Field[Any]) -> Any:
    # A required text may be empty, and stays empty.
    return "" if field.required else field.load_default


def _member(name: str, field: fields.Field[Any]) -> tuple[str, Any] | tuple[str, Any, Any]:
    if field.required:
        return name, _kind(field)
    return name, _kind(field) | None | UnsetType, UNSET


def _kind(field: fields.Field[Any]) -> Any:
    limits = constraints(field)
    match field:
        case Text():
            choices = limits.pop("choices", None)
            if choices:
                # To the schema, an empty text is one that is left out.
                return Literal[choices if field.required else (*choices, "")]
            return Annotated[str, msgspec.Meta(**limits)]
        case fields.Boolean():
            return bool
        case Time():
            return str
        case fields.Integer():
            # `load` takes 0 for a value that is left out.
            return Annotated[int, msgspec.Meta(ge=max(1, limits["ge"]), le=limits["le"])]
        case Labels():
            return Annotated[dict[str, str], msgspec.Meta(**limits)]
        case fields.Nested():
            return derive(type(field.schema)).struct
        case Items(inner=inner):
            return Annotated[GenericAlias(list, _kind(inner)), msgspec.Meta(**limits)]
        case _:
            raise TypeError(f"{field!r} has no counterpart in msgspec yet")


def patterns(field: fields.Field[Any]) -> list[re.Pattern[str]]:
    """Return the patterns that a text must match to be valid in a field."""
    return [
        validator.regex
        for validator in field.validators
        if isinstance(validator, validate.Regexp) and isinstance(validator.regex.pattern, str)
    ]


def constraints(field: fields.Field[Any]) -> dict[str, Any]:
    """Return what else a field demands of a value, by the names that msgspec has for it.

    That is `min_length`, `max_length`, `ge`, `le`, and `choices`.

    Raises:
        TypeError: A validator of the field has no counterpart in this module yet.
    """
    found: dict[str, Any] = {}
    for validator in field.validators:
        match validator:
            case validate.Length(min=minimum, max=maximum, equal=None):
                # A field can have one validator for each of them.
                given = {"min_length": minimum, "max_length": maximum}
                found |= {name: limit for name, limit in given.items() if limit is not None}
            case validate.Range(min=minimum, max=maximum):
                found |= {"ge": minimum, "le": maximum}
            case validate.Regexp():
                pass  # `patterns` has them
            # Its subclass ContainsOnly means something else.
            case validate.OneOf(choices=choices) if type(validator) is validate.OneOf:
                found["choices"] = tuple(choices)
            case _:
                raise TypeError(f"{validator!r} has no counterpart in msgspec yet")
    return {name: value for name, value in found.items() if value is not None}
