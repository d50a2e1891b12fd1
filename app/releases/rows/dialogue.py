"""A conversation with all its answers, as the row of a release tells them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]
"""A message of a release."""


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """A turn of a conversation or of an alternative.

    Attributes:
        message: The message.
        rating: The contributor's judgement: positive, negative or None.
        edited_content: What the contributor made of its text; None if they left it.
    """

    message: Message
    rating: str | None
    edited_content: str | None

    @property
    def role(self) -> str:
        """The speaker."""
        role: str = self.message["role"]
        return role


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a conversation at which an answer begins that has alternatives.

    Attributes:
        prompt: The turns before it.
        continuations: What stands there and after it: first the conversation's own turns, and then
            the alternatives, best first where a rank is known.
    """

    prompt: list[DialogueTurn]
    continuations: list[list[DialogueTurn]]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation with everything by which its answers can be compared.

    Attributes:
        turns: The turns of the conversation.
        places: The places with alternatives.
        preference: How the alternatives were compared: `pair`, `ranking` or None.
        preferred: Which one is better, if they were compared: `main`, `tie` or `neither`.
    """

    turns: list[DialogueTurn]
    places: list[Place]
    preference: str | None
    preferred: str | None

    def paths(self) -> Iterator[tuple[list[DialogueTurn], int]]:
        """Yield every path through the conversation, and where its own turns begin."""
        yield self.turns, 0
        for place in self.places:
            for turns in place.continuations[1:]:
                yield place.prompt + turns, len(place.prompt)


def dialogue_of(row: Mapping[str, Any]) -> Dialogue:
    """Return the conversation of a release's row, with `messages`, `feedback` and `labels`."""
    labels = {label["key"]: label["value"] for label in row.get("labels") or ()}
    turns = [
        DialogueTurn(message, told["rating"], told["edited_content"])
        for message, told in zip(row["messages"], row["feedback"], strict=True)
    ]
    places = []
    for number, (turn, told) in enumerate(zip(turns, row["feedback"], strict=True)):
        others = [
            [_alternative_turn(other, turn.message) for other in continuation]
            for continuation in told.get("alternatives") or ()
            if continuation[0]["role"] == turn.role == "assistant"
        ]
        if others:
            places.append(Place(turns[:number], [turns[number:], *others]))
    return Dialogue(turns, places, labels.get("preference"), labels.get("preferred"))


def _alternative_turn(turn: Mapping[str, Any], like: Message) -> DialogueTurn:
    message = {name: turn.get(name) for name in like}
    return DialogueTurn(message, turn.get("rating"), turn.get("edited_content"))
