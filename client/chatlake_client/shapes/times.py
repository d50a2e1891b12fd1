"""Times of sources as texts of RFC 3339 in UTC."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from chatlake_client.shapes.fields import Fields

_UNITS_PER_SECOND: Final = (1, 10**3, 10**6, 10**9)
# A count of seconds stays below this until the year 5138, and one of milliseconds is above it
# since March 1973.
_MAX_SECONDS: Final = 10**11
_MONGO_KEYS: Final = frozenset({"$date", "$numberLong", "$numberDouble", "$numberInt"})
"""What MongoDB's extended JSON puts around times and numbers."""
MIN_SECONDS: Final = 10**8
"""March 1973. Under a key that may mean something else, a smaller number is no moment."""
VAGUE_KEYS: Final = frozenset({"time", "ts", "date"})
_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?\s*(Z|z|[+-]\d\d:?\d\d)?"
)
_LOCAL_FORMATS: Final = (
    "%B %d, %Y %I:%M%p",  # September 20, 2024 11:05am
    "%b %d, %Y %H:%M",  # Apr 05, 2025 14:00
    "%Y-%m-%d@%Hh%Mm%Ss",  # 2024-09-20@11h05m12s
    "%Y-%m-%d @%Hh %Mm %Ss %fms",  # 2023-6-1 @14h 18m 35s 123ms
)


def time_text(value: object) -> str | None:
    """Return a time as RFC 3339 in UTC, with as many decimals as the source has.

    Args:
        value: Seconds, milliseconds, microseconds or nanoseconds since 1970, as a number or a text;
            a text in ISO 8601 or in a form of SillyTavern and text-generation-webui; a datetime;
            MongoDB's object around one of these.
            A time without a zone is read as UTC.

    Returns:
        The time; None for anything that is no time.
    """
    try:
        match value:
            case bool() | None:
                return None
            case datetime():
                return _of_datetime(value)
            case int() | float() | Decimal():
                return _of_number(Decimal(str(value)))
            case str():
                return _of_text(value.strip())
            case dict() if len(value) == 1 and (key := next(iter(value))) in _MONGO_KEYS:
                return time_text(value[key])
    except (ArithmeticError, OverflowError, ValueError):
        pass
    return None


def time_of(fields: Fields, *keys: str) -> str | None:
    """Take the first of the keys that holds a time; return it as RFC 3339 in UTC."""
    if fields.lacks(keys):
        return None
    for key in keys:
        value = fields.peek(key)
        if key in VAGUE_KEYS and _is_small(value):
            continue
        if time := time_text(value):
            fields.take(key)
            return time
    return None


def _is_small(value: object) -> bool:
    """Tell whether a value is a number that is no moment, or a text with one."""
    try:
        return Decimal(str(value)) < MIN_SECONDS
    except InvalidOperation:
        return False


def _of_datetime(value: datetime) -> str:
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return _joined(moment, f"{moment.microsecond:06}")


def _of_number(value: Decimal) -> str | None:
    if not value.is_finite() or value <= 0:
        return None
    for units in _UNITS_PER_SECOND:
        if value / units < _MAX_SECONDS:
            value /= units
            break
    seconds = int(value)
    _, _, decimals = f"{value - seconds:f}".partition(".")
    return _joined(datetime.fromtimestamp(seconds, UTC), decimals)


def _of_text(text: str) -> str | None:
    if found := _ISO.match(text):
        day, time, decimals, zone = found.groups()
        moment = datetime.fromisoformat(f"{day}T{time}{(zone or 'Z').upper()}")
        return _joined(moment.astimezone(UTC), decimals or "")
    for form in _LOCAL_FORMATS:
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return _joined(moment, f"{moment.microsecond:06}")
    try:
        return _of_number(Decimal(text))
    except InvalidOperation:
        return None


def _joined(moment: datetime, decimals: str) -> str:
    decimals = decimals.rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if decimals else ''}{decimals}Z"
