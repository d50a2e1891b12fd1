"""How pages write numbers, sizes, times and ids: the filters of all templates."""

from datetime import UTC, date, datetime
from typing import Final

from flask import Flask
from markupsafe import Markup
from rich.filesize import decimal

from app.site.rendering.marks import brief, visible
from catalog.wording import counted

UNKNOWN_LANGUAGE: Final = "und"
"""The code of a language that wasn't recognised (ISO 639-2)."""
_SHOWN_DIGITS: Final = 12
_UNITS: Final = ((1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"))


def init_app(app: Flask) -> None:
    """Give the templates their filters."""
    app.jinja_env.filters.update(
        number=number,
        counted=counted,
        compact=compact,
        size=size,
        moment=moment,
        day=day,
        short=short,
        percent=percent,
        brief=brief,
        visible=visible,
        bound=bound,
        sentence=sentence,
        language=language,
    )


def number(value: float) -> str:
    """Return a number with separators between thousands."""
    return f"{value:,}"


def compact(value: int) -> str:
    """Return a number with three digits and a unit, such as `1.23 M`."""
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value:,}"


def size(octets: int) -> str:
    """Return a number of bytes with a unit, such as `1.2 MB`."""
    return decimal(octets)


def percent(share: float) -> str:
    """Return a share of 1 as a percentage."""
    return f"{share:.1%}"


def bound(value: float | datetime) -> str | Markup:
    """Return the least or the largest value of a column."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, int):
        return f"{value:,}"
    # Adding zero makes a negative zero a plain one.
    return f"{value + 0.0:,.4g}"


def moment(time: datetime) -> Markup:
    """Return a time as an element that shows it in UTC, to the minute."""
    utc = time.astimezone(UTC)
    shown = utc.strftime("%Y-%m-%d %H:%M")
    return Markup('<time datetime="{}">{} UTC</time>').format(utc.isoformat(), shown)


def day(value: date) -> Markup:
    """Return a day as an element."""
    return Markup('<time datetime="{0}">{0}</time>').format(value.isoformat())


def language(code: str) -> str:
    """Return the code of a language, or words in the place of that of none."""
    return "not recognised" if code == UNKNOWN_LANGUAGE else code


def sentence(message: str) -> str:
    """Return the message of an error as a sentence for people."""
    # The name of a setting or of a parameter stays as it is.
    begins_with_word = message.partition(" ")[0].isalpha()
    text = message[:1].upper() + message[1:] if begins_with_word else message
    return text if text.endswith((".", "!", "?")) else f"{text}."


def end_of(identifier: str) -> str:
    """Return the end of an id, which tells ids apart."""
    return f"…{identifier[-_SHOWN_DIGITS:]}"


def short(identifier: str) -> Markup:
    """Return the end of an id as an element that has all of it."""
    return Markup('<code class="id" title="{}">{}</code>').format(identifier, end_of(identifier))
