"""Periods of the calendar in UTC, and a time in each that only a secret determines."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

Frequency = Literal["daily", "weekly", "monthly"]

_DAY: Final = timedelta(days=1)
_FRACTION_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a week or a month.

    Attributes:
        label: The name: 2026-11-25, 2026-W48 (of ISO 8601) or 2026-11.
        start: The first moment of the period.
        end: The first moment after the period.
    """

    label: str
    start: datetime
    end: datetime

    def secret_time(self, secret: bytes, purpose: str) -> datetime:
        """Return the time in the period that follows from a secret.

        It is always the same for a secret, a purpose and a period, and is spread evenly over the
        period: HMAC-SHA256 (RFC 2104) of the purpose and the label gives the fraction of the period
        that is over by then.

        Args:
            secret: The key, some random bytes.
            purpose: What the time is for, so that each purpose has a time of its own.
        """
        message = f"{purpose} {self.label}".encode()
        digest = hmac.new(secret, message, hashlib.sha256).digest()
        drawn = int.from_bytes(digest[:_FRACTION_BYTES])
        seconds = int((self.end - self.start).total_seconds())
        return self.start + timedelta(seconds=drawn * seconds >> 8 * _FRACTION_BYTES)


def period_of(frequency: Frequency, instant: datetime) -> Period:
    """Return the day, week or month that an instant lies in."""
    day = instant.astimezone(UTC).date()
    midnight = datetime.combine(day, time.min, UTC)
    if frequency == "daily":
        return Period(day.isoformat(), midnight, midnight + _DAY)
    if frequency == "weekly":
        year, week, weekday = day.isocalendar()
        monday = midnight - (weekday - 1) * _DAY
        return Period(f"{year}-W{week:02}", monday, monday + 7 * _DAY)
    first = midnight.replace(day=1)
    # From any first day of a month, 32 days later is in the next.
    return Period(f"{day:%Y-%m}", first, (first + 32 * _DAY).replace(day=1))


def newest_due(
    frequency: Frequency, now: datetime, secret: bytes, purpose: str
) -> tuple[Period, datetime]:
    """Return the newest period whose secret time has come, and that time.

    Args:
        frequency: The length of the periods.
        now: The time.
        secret: The key of `Period.secret_time`, some random bytes.
        purpose: What the time is for, as in `Period.secret_time`.
    """
    period = period_of(frequency, now)
    due_at = period.secret_time(secret, purpose)
    if due_at > now:
        period = period_of(frequency, period.start - _DAY)
        due_at = period.secret_time(secret, purpose)
    return period, due_at
