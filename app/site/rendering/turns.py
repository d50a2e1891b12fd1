"""Turns as pages show them: as Markdown, cut where they are long, within the size of a page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from markupsafe import Markup, escape

from app.curation.rules.cleaning.masks.mask import PLACEHOLDERS
from app.site.rendering.edits import Change, Comparer
from app.site.rendering.markdown import Colouring, render_markdown
from app.site.rendering.marks import brief, visible
from catalog.wording import counted

TEXT_CHARACTERS: Final = 12_000
"""Length at which a text is cut in a page of turns."""
_PAGE_BYTES: Final = 180_000
"""Size of the HTML of all texts, from which on a page begins no other turn."""
_BYTES_PER_CHARACTER: Final = 3
"""What a character of a text takes of that size at least: rendering it takes time as well."""
_TEXT_BYTES: Final = 60_000
"""Size of the HTML of a text, above which it is shown as it was sent."""
_MOST_ALTERNATIVES: Final = 8
_MOST_PARTS: Final = 50
"""Most calls of tools and most attachments that are shown of a turn."""
_NAME_CHARACTERS: Final = 200
"""Length at which a name is cut, which may be as long as a stranger likes."""
_LONG_CHARACTERS: Final = 800
"""Length from which instructions and results of tools are folded."""
_FOLDED_ROLES: Final = frozenset({"system", "developer", "tool", "function"})


def _mask(kind: str) -> str:
    return f'<mark class="mask">{kind.lower().replace("_", " ")}</mark>'


_MASKS: Final = {
    str(escape(placeholder)): _mask(placeholder.strip("<>"))
    for placeholder in PLACEHOLDERS.values()
}


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a turn.

    Attributes:
        html: What is shown of it.
        characters: The length of all of it.
        is_cut: Whether only its beginning is shown, or nothing.
    """

    html: Markup
    characters: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool.

    Attributes:
        name: The name of the tool; None when it isn't known.
        id: The id by which a result refers to it; None when it has none.
        arguments: The arguments, as they were written; None for none.
    """

    name: str | None
    id: str | None
    arguments: Text | None


@dataclass(frozen=True, slots=True)
class Described:
    """An attachment, of which the lake keeps a description.

    Attributes:
        facts: What is known of the file, in words.
        text: The text of it that the client sent; None for none.
    """

    facts: Sequence[str]
    text: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTurn:
    """A turn, or one of an alternative.

    Attributes:
        number: Place of the turn in the conversation, or in the alternative, from 1.
        role: Whose turn it is, in the client's word; None when it doesn't say.
        name: The name of the speaker or of the tool; None when it has none.
        model: The model that spoke; None when it isn't known.
        created_at: The client's time; None when it isn't known.
        rating: `positive` or `negative`; None without a rating.
        stopped: Whether the answer was stopped.
        content: What was said; None where nothing was.
        is_folded: Whether the content is long, and not what people said to each other.
        edit: How the contributor changed it, word by word; None where they didn't, or where it is
            too long to be compared.
        edited: What the contributor made of it, where `edit` can't tell; None otherwise.
        reasoning: What the model thought before; None for nothing.
        calls: The tools that it called.
        answers: The id of the call whose result it is; None when it isn't one.
        attachments: The files that came with it.
        flags: What scorers flagged it for.
        alternatives: What else stood in its place and after it.
        more_alternatives: The number of alternatives that aren't shown.
    """

    number: int
    role: str | None
    name: str | None = None
    model: str | None = None
    created_at: datetime | None = None
    rating: str | None = None
    stopped: bool = False
    content: Text | None = None
    is_folded: bool = False
    edit: Sequence[Change] | None = None
    edited: Text | None = None
    reasoning: Text | None = None
    calls: Sequence[Call] = ()
    answers: str | None = None
    attachments: Sequence[Described] = ()
    flags: Sequence[str] = ()
    alternatives: Sequence[Sequence["ShownTurn"]] = ()
    more_alternatives: int = 0


@dataclass(slots=True)
class TurnRenderer:
    """Renders turns until the page is full.

    Attributes:
        marks_masks: Whether placeholders of masks are marked.
        flags: What scorers flagged turns for, by their places from 0.
    """

    marks_masks: bool = False
    flags: Mapping[int, Sequence[str]] = field(default_factory=dict)
    _left_bytes: int = _PAGE_BYTES
    _comparer: Comparer = field(default_factory=Comparer)
    _colouring: Colouring = field(default_factory=Colouring)

    def page(self, turns: Sequence[Mapping[str, Any]], first: int) -> list[ShownTurn]:
        """Return the turns of a page: as many as there is room for, and at least one.

        Args:
            turns: All turns of a conversation, as answers have them.
            first: The number of the first turn of the page, from 1.
        """
        shown: list[ShownTurn] = []
        for number, turn in enumerate(turns[first - 1 :], first):
            if shown and self._left_bytes <= 0:
                break
            shown.append(self._turn(number, turn))
        return shown

    def code(self, text: str | None) -> Text | None:
        """Return a text as it was sent, for an element that keeps its lines; None for none."""
        return None if text is None else self._fitted(text, escape)

    def _turn(self, number: int, turn: Mapping[str, Any]) -> ShownTurn:
        self._left_bytes -= 500
        role, content = turn.get("role"), turn["content"]
        edited = turn.get("edited_content")
        edit = None if edited is None else self._edit(content, edited)
        alternatives = turn.get("alternatives") or ()
        return ShownTurn(
            number=number,
            role=role,
            name=_short(turn.get("name")),
            model=_short(turn.get("model")),
            created_at=turn.get("created_at"),
            rating=turn.get("rating"),
            stopped=turn.get("stopped", False),
            content=self._markdown(content) if content else None,
            is_folded=role in _FOLDED_ROLES and len(content) > _LONG_CHARACTERS,
            edit=edit,
            edited=self._markdown(edited) if edited is not None and edit is None else None,
            reasoning=self._markdown(turn["reasoning"]) if turn.get("reasoning") else None,
            calls=[self._call(call) for call in (turn.get("tool_calls") or ())[:_MOST_PARTS]],
            answers=_short(turn.get("tool_call_id")),
            attachments=[
                self._attachment(each) for each in (turn.get("attachments") or ())[:_MOST_PARTS]
            ],
            flags=self.flags.get(number - 1, ()),
            alternatives=[
                [self._turn(place, each) for place, each in self._fitting(alternative)]
                for alternative in alternatives[:_MOST_ALTERNATIVES]
            ],
            more_alternatives=max(0, len(alternatives) - _MOST_ALTERNATIVES),
        )

    def _edit(self, before: str, after: str) -> Sequence[Change] | None:
        changes = self._comparer.compare(before, after)
        if changes is not None:
            self._left_bytes -= sum(len(escape(part.text).encode()) for part in changes)
        return changes

    def _fitting(
        self, turns: Iterable[Mapping[str, Any]]
    ) -> Iterable[tuple[int, Mapping[str, Any]]]:
        for number, turn in enumerate(turns, 1):
            if self._left_bytes <= 0:
                return
            yield number, turn

    def _call(self, call: Mapping[str, Any]) -> Call:
        return Call(
            _short(call.get("name")), _short(call.get("id")), self.code(call.get("arguments"))
        )

    def _attachment(self, attachment: Mapping[str, Any]) -> Described:
        size = attachment.get("bytes")
        facts = [attachment.get(name) for name in ("kind", "name", "media_type")]
        facts += [None if size is None else counted(size, "byte")]
        facts += [f"SHA-256 {attachment['sha256']}" if attachment.get("sha256") else None]
        told = [_short(fact) for fact in facts if fact]
        return Described([fact for fact in told if fact], self.code(attachment.get("text")))

    def _markdown(self, text: str) -> Text:
        return self._fitted(text, self._rendered)

    def _rendered(self, text: str) -> Markup:
        html = render_markdown(text, is_quoted=True, colouring=self._colouring)
        if len(html.encode()) > _TEXT_BYTES:
            html = Markup("<pre>{}</pre>").format(text)
        return _marked(html) if self.marks_masks else html

    def _fitted(self, text: str, render: Callable[[str], Markup]) -> Text:
        if self._left_bytes <= 0:
            return Text(Markup(""), len(text), is_cut=True)
        written_out = visible(text[:TEXT_CHARACTERS])
        shown = written_out[:TEXT_CHARACTERS]
        html = render(shown)
        self._left_bytes -= max(len(html.encode()), _BYTES_PER_CHARACTER * len(shown))
        is_cut = max(len(text), len(written_out)) > TEXT_CHARACTERS
        return Text(html, len(text), is_cut)


def part_of(text: str, number: int) -> tuple[str, int]:
    """Return a part of a long text, and the number of all of its parts.

    Args:
        text: The text.
        number: The number of the part, from 1.
    """
    parts = max(1, -(-len(text) // TEXT_CHARACTERS))
    begin = (number - 1) * TEXT_CHARACTERS
    return visible(text[begin : begin + TEXT_CHARACTERS]), parts


def beginning(turns: Iterable[Mapping[str, Any]], characters: int = 200) -> str:
    """Return how a conversation begins: the first words that weren't instructions of a system.

    Args:
        turns: The turns, as answers have them.
        characters: The length at which they are cut.
    """
    said = (turn["content"] for turn in islice(turns, 10) if turn.get("role") != "system")
    text = " ".join(next((each for each in said if each.strip()), "")[: 4 * characters].split())
    return brief(text, characters)


def _short(text: str | None) -> str | None:
    """Return a name at a length that a line holds."""
    return None if text is None else brief(text, _NAME_CHARACTERS)


def _marked(html: Markup) -> Markup:
    text = str(html)
    for placeholder, mark in _MASKS.items():
        text = text.replace(placeholder, mark)
    return Markup(text)  # noqa: S704  # elements without attributes in the place of escaped text
