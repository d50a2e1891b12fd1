"""Making pages of Markdown from templates, into which any text may be put."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.releases.credits import MAX_NAME_CHARS, readable

_TEMPLATES: Final = Path(__file__).parent / "templates"
_PLAIN_TEXT: Final = re.compile(r"[A-Za-z0-9.+() -]+")
_PUNCTUATION: Final = re.compile(r"[!-/:-@\[-`{-~]")
"""Characters that a backslash escapes in Markdown: https://spec.commonmark.org/0.31.2/#backslash-escapes"""
_NOTHING: Final = "(nothing that shows)"
_LEAST_SHARE: Final = 0.0005
"""The least share that isn't rounded to 0.0 %."""


def render(template: str, **values: Any) -> str:
    """Return a page.

    Args:
        template: Name of the file of the template.
        values: The values that the template names.
    """
    return _environment().get_template(template).render(values)


def code(name: str) -> str:
    """Return a name that anyone could have chosen, so that it shows as it is, in one line.

    A name that isn't plain is shown without what is invisible or changes the direction of text. A
    long one is cut off.
    """
    if _PLAIN_TEXT.fullmatch(name) and len(name) <= MAX_NAME_CHARS:
        return f"`{name}`"
    return text(name) or _NOTHING


def text(written: str, *, is_ours: bool = False) -> str:
    """Return a text so that it shows as it is, in one line that is cut off where it is long.

    Args:
        written: The text.
        is_ours: Whether the service's own code has written it, so that it is returned as it is.
    """
    if is_ours:
        return written
    shown = readable(written)
    return _PUNCTUATION.sub(r"\\\g<0>", shown) + ("…" if len(shown) == MAX_NAME_CHARS else "")


def listed(value: object) -> str:
    """Return the value of a parameter in words."""
    if value is None or value == []:
        return "any"
    return ", ".join(value) if isinstance(value, list) else str(value)


def share(part: int, whole: int) -> str:
    """Return a part of a whole in percent."""
    if part and part < _LEAST_SHARE * whole:
        return "under 0.1 %"
    return f"{100 * part / whole:.1f} %" if whole else "-"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        # The page is Markdown: text that anyone could choose goes through `code`.
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(code=code, listed=listed, share=share, text=text)
    return environment
