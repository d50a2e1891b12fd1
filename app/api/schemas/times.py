"""Parameters that are a time or a day."""

from datetime import UTC, datetime
from typing import Final

from marshmallow import ValidationError, fields

_NOT_A_TIME: Final = "Not a time: one such as 2026-03-01T12:00:00Z or 2026-03-01 is expected."
_NOT_A_DAY: Final = "Not a day: one such as 2026-03-01 is expected."


def time_field(description: str) -> fields.AwareDateTime:
    """Return a parameter that is a time (RFC 3339), in UTC when it names no zone."""
    return fields.AwareDateTime(
        format="iso",
        default_timezone=UTC,
        validate=_in_calendar,
        error_messages={"invalid": _NOT_A_TIME, "invalid_awareness": _NOT_A_TIME},
        metadata={"description": f"{description} (RFC 3339; UTC when no zone is given)"},
    )


def day_field(description: str) -> fields.Date:
    """Return a parameter that is a day."""
    return fields.Date(
        error_messages={"invalid": _NOT_A_DAY}, metadata={"description": description}
    )


def _in_calendar(moment: datetime) -> None:
    """Check that a time is in the calendar in UTC.

    Raises:
        ValidationError: It lies beyond.
    """
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValidationError("Lies beyond the calendar in UTC.") from None
