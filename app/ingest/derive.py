"""A msgspec type derived from a Marshmallow schema: one declaration, checked fast or in detail.

What the derived type accepts, the schema accepts with the same values; what it refuses may still
be right (such as a boolean sent as a string), and is for the schema to judge.
"""

import re
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from marshmallow import Schema, fields, validate

from app.ingest.contract import Text


def derive(schema: Schema) -> type[msgspec.Struct]:
    """Return a struct type with the fields, keys, defaults and validators of a schema.

    Raises:
        TypeError: A field or a validator has no counterpart; say here which one it has.
    """
    derived = msgspec.defstruct(
        type(schema).__name__,
        [_member(name, field) for name, field in schema.fields.items()],
        rename={name: field.data_key for name, field in schema.fields.items() if field.data_key},
        kw_only=True,
    )
    # msgspec describes a type to itself when it is first used, and a thread that uses it meanwhile
    # crashes the process (seen with 0.22.0). A decoder has the description made here and now.
    msgspec.json.Decoder(derived)
    return derived


def _member(name: str, field: fields.Field[Any]) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = _kind(field)
    if field.required:
        return name, kind
    # Null stands for the default, and an empty text for null, which the schema sees to.
    return name, kind if field.load_default is not None else kind | None, field.load_default


def _kind(field: fields.Field[Any]) -> Any:
    constraints = _constraints(field)
    match field:
        case Text():
            choices = constraints.pop("choices", None)
            if not field.required:
                constraints.setdefault("min_length", 1)
            return Literal[choices] if choices else Annotated[str, msgspec.Meta(**constraints)]
        case fields.Boolean():
            return bool
        case fields.List(inner=fields.Nested() as inner):
            items = GenericAlias(list, derive(inner.schema))
            return Annotated[items, msgspec.Meta(**constraints)]
        case _:
            raise TypeError(f"{field!r} has no counterpart in msgspec yet")


def _constraints(field: fields.Field[Any]) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    for validator in field.validators:
        match validator:
            case validate.Length(min=minimum, max=maximum, equal=None):
                constraints |= {"min_length": minimum, "max_length": maximum}
            case validate.Regexp(regex=regex) if regex.flags == re.UNICODE:
                constraints["pattern"] = regex.pattern
            # Not of its subclass, which means something else.
            case validate.OneOf(choices=choices) if type(validator) is validate.OneOf:
                constraints["choices"] = tuple(choices)
            case _:
                raise TypeError(f"{validator!r} has no counterpart in msgspec yet")
    return {name: value for name, value in constraints.items() if value is not None}
