"""Periods of the calendar in UTC, and a moment in each that nobody can foretell."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

Every = Literal["daily", "weekly", "monthly"]

_DAY: Final = timedelta(days=1)
_FRACTION_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a week or a month.

    Attributes:
        label: Its name: 2026-11-25, 2026-W48 (of ISO 8601) or 2026-11.
        start: Its first moment.
        end: The first moment after it.
    """

    label: str
    start: datetime
    end: datetime

    def moment(self, secret: bytes, purpose: str) -> datetime:
        """Return a moment in it, which only who has the secret can tell, and always the same.

        It is spread evenly over the period. HMAC-SHA256 (RFC 2104) of the purpose and the label
        is the fraction of the period that is over by then.
        """
        message = f"{purpose} {self.label}".encode()
        digest = hmac.new(secret, message, hashlib.sha256).digest()
        drawn = int.from_bytes(digest[:_FRACTION_BYTES])
        seconds = int((self.end - self.start).total_seconds())
        return self.start + timedelta(seconds=drawn * seconds >> 8 * _FRACTION_BYTES)


def period_of(every: Every, moment: datetime) -> Period:
    """Return the period that a moment lies in."""
    day = moment.astimezone(UTC).date()
    midnight = datetime.combine(day, time.min, UTC)
    if every == "daily":
        return Period(day.isoformat(), midnight, midnight + _DAY)
    if every == "weekly":
        year, week, weekday = day.isocalendar()
        monday = midnight - (weekday - 1) * _DAY
        return Period(f"{year}-W{week:02}", monday, monday + 7 * _DAY)
    first = midnight.replace(day=1)
    # From any first day of a month, 32 days later is in the next.
    return Period(f"{day:%Y-%m}", first, (first + 32 * _DAY).replace(day=1))


def newest_due(every: Every, now: datetime, secret: bytes, purpose: str) -> tuple[Period, datetime]:
    """Return the newest period whose moment has come, and that moment."""
    period = period_of(every, now)
    moment = period.moment(secret, purpose)
    if moment > now:
        period = period_of(every, period.start - _DAY)
        moment = period.moment(secret, purpose)
    return period, moment
