"""A msgspec type derived from a Marshmallow schema: one declaration, checked fast or in detail.

What the derived type accepts, the schema accepts too, with the same values. What the type refuses
may still be right, such as a boolean that is sent as a string: the schema is to judge that.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from marshmallow import Schema, fields, validate
from msgspec import UNSET, UnsetType

from app.ingest.contract import Text


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
    """

    struct: type[msgspec.Struct]
    names: Sequence[str]
    defaults: Sequence[Any]
    patterns: Sequence[tuple[int, re.Pattern[str]]]

    def values(self, struct: msgspec.Struct) -> list[Any] | None:
        """Return the values of a struct of this type, by position, as the schema loads them.

        Returns:
            The values, or None if one of them doesn't match the pattern of its field.
        """
        given = msgspec.structs.astuple(struct)
        values = [value or default for value, default in zip(given, self.defaults, strict=True)]
        for position, pattern in self.patterns:
            value = values[position]
            if value is not None and pattern.match(value) is None:
                return None
        return values


def derive(schema: Schema) -> Derived:
    """Return the type that is derived from a schema.

    Raises:
        TypeError: A field or a validator of the schema has no counterpart in this module yet.
    """
    struct = msgspec.defstruct(
        type(schema).__name__,
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
    positions = [
        (position, pattern)
        for position, field in enumerate(schema.fields.values())
        for pattern in patterns(field)
    ]
    defaults = tuple(map(_default, schema.fields.values()))
    return Derived(struct, tuple(schema.fields), defaults, positions)


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
        case fields.List(inner=fields.Nested() as inner):
            items = GenericAlias(list, derive(inner.schema).struct)
            return Annotated[items, msgspec.Meta(**limits)]
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
    """Return what else a field demands of a value: `min_length`, `max_length` and `choices`.

    Raises:
        TypeError: A validator of the field has no counterpart in this module yet.
    """
    found: dict[str, Any] = {}
    for validator in field.validators:
        match validator:
            case validate.Length(min=minimum, max=maximum, equal=None):
                found |= {"min_length": minimum, "max_length": maximum}
            case validate.Regexp():
                pass  # `patterns` has them
            # Its subclass ContainsOnly means something else.
            case validate.OneOf(choices=choices) if type(validator) is validate.OneOf:
                found["choices"] = tuple(choices)
            case _:
                raise TypeError(f"{validator!r} has no counterpart in msgspec yet")
    return {name: value for name, value in found.items() if value is not None}
