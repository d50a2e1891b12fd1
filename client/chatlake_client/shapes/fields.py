"""Objects of a file that know which of their keys were taken."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from chatlake_client import jsontext
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.meaning import Level, means_something, states_something

_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
TRUE_TEXTS: Final = frozenset({"true", "1", "yes"})
"""What CSV files write for true, in small letters."""


@dataclass(slots=True)
class Losses:
    """What of one conversation nobody took.

    Attributes:
        opened: The objects that were looked into.
        named: Losses that no key stands for, such as the turns below the selected one; those
            without which the conversation reads differently are True.
    """

    opened: list["Fields"] = field(default_factory=list)
    named: dict[str, bool] = field(default_factory=dict)

    def open(self, value: Json, path: str = "", level: Level = Level.DETAIL) -> "Fields":
        """Return an object whose keys can be taken."""
        fields = Fields(value, path, level, self)
        self.opened.append(fields)
        return fields

    def lose(self, name: str, *, is_meant: bool = True) -> None:
        """Say that something is lost which no key of its own stands for."""
        self.named[name] = is_meant or self.named.get(name, False)

    def count(self, said: Callable[[], Collection[str]]) -> tuple[Counter[str], list[str]]:
        """Return how often each key wasn't taken, and which of them carry meaning.

        Args:
            said: Returns the texts that the conversation holds, without white space around them.
        """
        not_taken: Counter[str] = Counter()
        if not (self.named or any(fields.keys() for fields in self.opened)):
            return not_taken, []
        not_taken.update(self.named.keys())
        meant = dict.fromkeys(name for name, is_meant in self.named.items() if is_meant)
        left = [(fields, key, value) for fields in self.opened for key, value in fields.left()]
        texts = said() if left else ()
        for fields, key, value in left:
            name = fields.path_to(key)
            not_taken[name] += 1
            if key not in fields.harmless and means_something(key, value, fields.level, texts):
                meant[name] = None
        return not_taken, list(meant)


class Fields:
    """An object of a file. Its keys are taken one by one; what is left is lost.

    A value of another type than the one asked for counts as absent, and stays among the lost.

    Attributes:
        path: The path to the object, such as `messages[]`; empty for the row itself.
        level: What the object is.
        losses: What nobody took, of the whole conversation.
        harmless: Keys without which the conversation reads the same, in this shape.
    """

    __slots__ = ("_left", "harmless", "level", "losses", "path")

    def __init__(self, value: Json, path: str, level: Level, losses: Losses) -> None:
        self._left = dict(value)
        self.path = path
        self.level = level
        self.losses = losses
        self.harmless: Collection[str] = ()

    def __contains__(self, key: str) -> bool:
        return self._left.get(key) is not None

    def has(self, key: str) -> bool:
        """Tell whether a key is left, be it null."""
        return key in self._left

    def lacks(self, keys: Collection[str]) -> bool:
        """Tell whether none of the keys is left; quicker than to look for each."""
        return self._left.keys().isdisjoint(keys)

    def keys(self) -> list[str]:
        """Return the keys that are left and aren't null, in the file's order."""
        return [key for key, value in self._left.items() if value is not None]

    def copy(self) -> "Fields":
        """Return an object with the same keys, of which taking any doesn't count."""
        return Losses().open(self._left, self.path, self.level)

    def rest(self) -> Json:
        """Take all keys that are left; return them with their values."""
        rest, self._left = self._left, {}
        return rest

    def members(self, key: str, level: Level = Level.DETAIL) -> dict[str, "Fields"]:
        """Take an object whose keys are ids; return the objects under them, by id."""
        value = self._left.get(key)
        if not isinstance(value, dict):
            return {}
        del self._left[key]
        return {
            id_: self.inner(member, f"{key}[]", level)
            for id_, member in value.items()
            if isinstance(member, dict)
        }

    def peek(self, key: str) -> object:
        """Return a value without taking it."""
        return self._left.get(key)

    def take(self, *keys: str) -> object:
        """Take keys; return the first value that isn't null."""
        first: object = None
        for key in keys:
            value = self._left.pop(key, None)
            first = value if first is None else first
        return first

    def text(self, *keys: str) -> str | None:
        """Take the first of the keys that holds a text, and return the text."""
        for key in keys:
            value = self._left.get(key)
            if isinstance(value, str):
                del self._left[key]
                return value
        return None

    def label(self, *keys: str) -> str | None:
        """Take the first of the keys that holds a text which isn't empty, or a whole number."""
        for key in keys:
            value = self._left.get(key)
            if (isinstance(value, str) and value) or type(value) is int:
                del self._left[key]
                return str(value)
        return None

    def flag(self, *keys: str) -> bool:
        """Take keys; tell whether one of them is true."""
        return any(is_true(self._left.pop(key, None)) for key in keys)

    def nested(self, *keys: str, level: Level = Level.DETAIL) -> "Fields":
        """Take the first of the keys that holds an object; return an empty one if none does."""
        for key in keys:
            value = _parsed(self._left.get(key), dict)
            if isinstance(value, dict):
                del self._left[key]
                return self.losses.open(value, self.path_to(key), level)
        return self.losses.open({}, self.path_to(keys[0]), level)

    def objects(self, *keys: str, level: Level = Level.DETAIL) -> list["Fields"]:
        """Take the first of the keys that holds a list; return its objects, without empty values.

        Raises:
            RowError: An element of the list is no object.
        """
        values = filter(None, self.items(*keys))
        return [self.inner(value, f"{keys[0]}[]", level) for value in values]

    def items(self, *keys: str) -> list[object]:
        """Take the first of the keys that holds a list, or a list as JSON text; return the list."""
        for key in keys:
            value = _parsed(self._left.get(key), list)
            if isinstance(value, list):
                del self._left[key]
                return value
        return []

    def inner(self, value: object, key: str, level: Level = Level.DETAIL) -> "Fields":
        """Return an object that was found under a key.

        Raises:
            RowError: The value is no object.
        """
        if not isinstance(value, dict):
            raise RowError(f"{self.path_to(key)} must be an object, not {kind_name(value)}")
        return self.losses.open(value, self.path_to(key), level)

    def leave(self, *keys: str) -> None:
        """Say that a conversation of this shape reads the same without the keys."""
        if not self._left.keys().isdisjoint(keys):
            self.harmless = {*self.harmless, *keys}

    def lose(self, name: str, *, is_meant: bool = True) -> None:
        """Say that something here is lost which no key of its own stands for."""
        self.losses.lose(self.path_to(name), is_meant=is_meant)

    def left(self) -> Iterator[tuple[str, object]]:
        """Yield the keys that nobody took and that state something, with their values."""
        return ((k, value) for k, value in self._left.items() if states_something(k, value))

    def path_to(self, key: str) -> str:
        """Return the path to one of the object's keys."""
        return f"{self.path}.{key}" if self.path else key


def is_true(value: object) -> bool:
    """Tell whether a value is true, as JSON or CSV has it."""
    return value is True or (isinstance(value, str) and value.strip().lower() in TRUE_TEXTS)


def whole_number(value: object) -> int | None:
    """Return the number that a text of at most 19 digits states, or a number without decimals."""
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if _WHOLE_NUMBER.fullmatch(value.strip()):
            return int(value)
        case _:
            return None


def json_text(value: object) -> str:
    """Return a value as JSON text; a text stays as it is."""
    return value if isinstance(value, str) else jsontext.dump(value).decode()


def kind_name(value: object) -> str:
    """Return the name of a value's JSON type, for messages."""
    match value:
        case None:
            return "null"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number or a boolean"


def _parsed(value: object, kind: type) -> object:
    """Return the object or list that a text holds as JSON, as cells of CSV do."""
    opening = "{" if kind is dict else "["
    if isinstance(value, str) and value.lstrip()[:1] == opening:
        try:
            return jsontext.parse_row(value)
        except ValueError:
            return value
    return value
