"""The keys of a submission that aren't stored: its client is told of them."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from marshmallow import fields

from app.ingest.contract.fields import Bytes, ContractSchema
from app.ingest.contract.parts import Content

MAX_KEYS: Final = 64
"""Number of ignored keys that an answer names."""
MAX_KEY_CHARACTERS: Final = 128
"""Length at which the path of an ignored key is cut off."""


class IgnoredKeys:
    """The paths of ignored keys, each once and in bounded memory.

    A path has the keys above the ignored one, with dots between, and no positions in lists.
    """

    def __init__(self) -> None:
        self._paths: set[str] = set()

    def add(self, paths: Iterable[str]) -> None:
        """Add paths; the first `MAX_KEYS` of all are kept."""
        self._paths |= set(paths)
        if len(self._paths) > MAX_KEYS:
            self._paths = set(sorted(self._paths)[:MAX_KEYS])

    @property
    def paths(self) -> list[str]:
        """The paths in order."""
        return sorted(self._paths)


def ignored_keys(schema: ContractSchema, document: dict[str, Any]) -> list[str]:
    """Return the paths of the keys that a schema loads nothing from, as `IgnoredKeys` has them.

    Args:
        schema: The schema of the document.
        document: A document that is valid under the schema.
    """
    found = IgnoredKeys()
    # A key can be a text that UTF-8 can't hold.
    paths = {path.encode(errors="backslashreplace").decode() for path in _of(schema, document, "")}
    found.add(path[:MAX_KEY_CHARACTERS] for path in paths)
    return found.paths


def _of(schema: ContractSchema, value: dict[str, Any], prefix: str) -> Iterable[str]:
    known = _fields_by_key(type(schema))
    for key, inner in schema.respelt(value).items():
        field = known.get(key)
        if field is None or (isinstance(field, Bytes) and inner):
            yield prefix + key
        elif isinstance(inner, dict | list):
            yield from _within(field, inner, f"{prefix}{key}.")


def _within(field: fields.Field[Any], value: Any, prefix: str) -> Iterable[str]:
    match field, value:
        case fields.Nested(schema=ContractSchema() as schema), dict():
            yield from _of(schema, value, prefix)
        case fields.List(inner=inner), list():
            for item in value:
                yield from _within(inner, item, prefix)
        case Content(parts=parts), list():
            for part in value:
                yield from _of(parts, part, prefix)


@cache
def _fields_by_key(schema_type: type[ContractSchema]) -> Mapping[str, fields.Field[Any]]:
    return {field.data_key or name: field for name, field in schema_type().fields.items()}
