"""What a shape is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chatlake_client.conversation import Conversation
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses

OF_THE_FILE = ""
"""The thread of rows that belong to the only conversation of their file."""

Thread = str | None
"""The id of the conversation that a row is a part of; None for a row that stands alone."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape of rows that each hold a conversation.

    Attributes:
        name: The name, for messages.
        keys: Keys of which each object of the shape has at least one.
        recognises: Tells whether an object has the shape, by its keys.
        read: Returns the conversation of an object; None where it holds none on purpose, such as a
            header. Raises RowError where it should hold one.
    """

    name: str
    keys: frozenset[str]
    recognises: Callable[[Json], bool]
    read: Callable[[Fields], Conversation | None]


@dataclass(frozen=True, slots=True)
class ThreadShape:
    """A shape of rows of which several may belong to one conversation.

    Attributes:
        name: The name, for messages.
        keys: Keys of which each object of the shape has at least one.
        recognises: Tells whether an object has the shape, by its keys.
        parts: Returns the parts of an object, each with the id of its conversation.
        read: Returns the conversation of the parts with one id, in the file's order; None where
            they hold none on purpose. Raises RowError where they should hold one.
    """

    name: str
    keys: frozenset[str]
    recognises: Callable[[Json], bool]
    parts: Callable[[Json], Iterable[tuple[Thread, Json]]]
    read: Callable[[list[Json], Losses], Conversation | None]
