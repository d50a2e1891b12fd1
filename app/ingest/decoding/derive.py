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
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from marshmallow import fields, validate
from msgspec import UNSET, UnsetType
from typing_extensions import TypeIs

from app.ingest.contract import (
    MAX_LABELS,
    ContractSchema,
    Items,
    Labels,
    Text,
    Time,
    is_label,
    time_from,
)


class NotPlainError(Exception):
    """A value that the derived type accepts is to be judged by the schema."""


class _Steps(NamedTuple):
    """How the first fields of a struct are loaded, if the others are left out.

    Attributes:
        defaults: For each field the value that replaces one which is left out, null or empty.
        patterns: For each pattern of a field the field's position and the pattern. They aren't part
            of the type: msgspec would match each value by itself, at several times the cost of all
            else that it does, while most columns have few different values.
        conversions: For each field whose values the schema converts, the field's position and a
            function that does the same, or raises NotPlainError.
    """

    defaults: Sequence[Any]
    patterns: Sequence[tuple[int, re.Pattern[str]]]
    conversions: Sequence[tuple[int, Callable[[Any], Any]]]


@dataclass(frozen=True, slots=True)
class Derived:
    """A struct type with the fields, keys and validators of a schema.

    Attributes:
        struct: The type. A value that a text leaves out is UNSET, which an encoder leaves out
            again. Keys that the schema doesn't know are refused.
        names: Names of the fields, in the schema's order.
        steps: How structs are loaded, by the number of fields up to the last one that is given.
            Most turns have the first few fields only, and many are loaded.
        record: What the schema makes of the values.
        is_by_name: Whether the record gets them by name, without those that are None, which are
            most. Otherwise it is a struct, and gets them by position.
        max_depth: How deep a text of this type is nested at most.
        max_keys: How many keys an object in a text of this type has at most.
    """

    struct: type[msgspec.Struct]
    names: Sequence[str]
    steps: Sequence[_Steps]
    record: Callable[..., Any]
    is_by_name: bool
    max_depth: int
    max_keys: int

    def load(self, struct: msgspec.Struct) -> Any:
        """Return what the schema loads from a text that was decoded to a struct of this type.

        Raises:
            NotPlainError: The schema is to judge the text.
        """
        given = msgspec.structs.astuple(struct)
        if self.is_by_name:
            return self._load_by_name(given)
        number = len(given)
        if given[-1] is UNSET:
            # Without a loop: nearly all values are given before the first UNSET.
            first = given.index(UNSET)
            number = first if first + given.count(UNSET) == number else number
        defaults, patterns, conversions = self.steps[number]
        values: Any = given[:number]
        if conversions or not all(values):
            values = [value or default for value, default in zip(values, defaults, strict=True)]
        for position, pattern in patterns:
            value = values[position]
            if value is not None and pattern.match(value) is None:
                raise NotPlainError
        for position, convert in conversions:
            value = values[position]
            if value is not None:
                values[position] = convert(value)
        return self.record(*values)

    def _load_by_name(self, given: Sequence[Any]) -> Any:
        defaults, patterns, conversions = self.steps[-1]
        values = {
            name: value or default
            for name, value, default in zip(self.names, given, defaults, strict=True)
            if value or default is not None
        }
        for position, pattern in patterns:
            value = values.get(self.names[position])
            if value is not None and pattern.match(value) is None:
                raise NotPlainError
        for position, convert in conversions:
            name = self.names[position]
            if name in values:
                values[name] = convert(values[name])
        return self.record(**values)


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
    members = list(schema.fields.values())
    return Derived(
        struct,
        tuple(schema.fields),
        [_steps(members[:number]) for number in range(len(members) + 1)],
        _record(schema),
        not _is_struct(schema.record),
        1 + max(map(_depth, members), default=0),
        max([len(members), *map(_keys, members)]),
    )


def _is_struct(record: object) -> TypeIs[type[msgspec.Struct]]:
    return isinstance(record, type) and issubclass(record, msgspec.Struct)


def _steps(members: Sequence[fields.Field[Any]]) -> _Steps:
    numbered = list(enumerate(members))
    return _Steps(
        tuple(map(_default, members)),
        [(position, pattern) for position, field in numbered for pattern in patterns(field)],
        [(position, convert) for position, field in numbered if (convert := _conversion(field))],
    )


def _record(schema: ContractSchema) -> Callable[..., Any]:
    names, record = tuple(schema.fields), schema.record
    if _is_struct(record):
        if names != record.__struct_fields__:
            raise TypeError(f"{schema!r} must have the fields of {record!r} in the same order")
        return record
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
    choices = limits.pop("choices", None)
    if choices:
        # To the schema, an empty text is one that is left out.
        return Literal[choices if field.required else (*choices, "")]
    if "ge" in limits:
        # `load` takes 0 for a value that is left out.
        limits["ge"] = max(1, limits["ge"])
    return Annotated[_kind_of_any(field), msgspec.Meta(**limits)]


def _kind_of_any(field: fields.Field[Any]) -> Any:
    """Return the type of a field's values, whatever they are limited to."""
    match field:
        case fields.Nested():
            return derive(type(field.schema)).struct
        case Items(inner=inner):
            return GenericAlias(list, _kind(inner))
    for known, kind in _KINDS.items():
        if isinstance(field, known):
            return kind
    raise TypeError(f"{field!r} has no counterpart in msgspec yet")


_KINDS: Final[dict[type[fields.Field[Any]], Any]] = {
    Text: str,
    fields.Boolean: bool,
    fields.Integer: int,
    Labels: dict[str, str],
}


def _depth(field: fields.Field[Any]) -> int:
    match field:
        case fields.Nested():
            return derive(type(field.schema)).max_depth
        case Items(inner=inner):
            return 1 + _depth(inner)
    return int(isinstance(field, Labels))


def _keys(field: fields.Field[Any]) -> int:
    match field:
        case fields.Nested():
            return derive(type(field.schema)).max_keys
        case Items(inner=inner):
            return _keys(inner)
    return MAX_LABELS if isinstance(field, Labels) else 0


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
