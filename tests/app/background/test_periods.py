from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.background.periods import Frequency, Period, newest_due, period_of

SECRET = b"s" * 32
INSTANTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001  # Hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001  # Hypothesis adds the zone
    timezones=st.just(UTC),
)
FREQUENCIES = st.sampled_from(["daily", "weekly", "monthly"])


@pytest.mark.parametrize(
    ("frequency", "instant", "label"),
    [
        ("daily", datetime(2026, 11, 25, 23, 59, tzinfo=UTC), "2026-11-25"),
        ("weekly", datetime(2026, 11, 25, tzinfo=UTC), "2026-W48"),
        ("weekly", datetime(2027, 1, 3, tzinfo=UTC), "2026-W53"),
        ("weekly", datetime(2025, 12, 29, tzinfo=UTC), "2026-W01"),
        ("monthly", datetime(2026, 11, 25, tzinfo=UTC), "2026-11"),
        ("daily", datetime(2026, 11, 25, 1, tzinfo=timezone(timedelta(hours=2))), "2026-11-24"),
    ],
)
def test_a_period_is_named_by_the_calendar_in_utc(
    frequency: Frequency, instant: datetime, label: str
) -> None:
    assert period_of(frequency, instant).label == label


@pytest.mark.slow
@given(FREQUENCIES, INSTANTS)
def test_periods_follow_each_other_without_a_gap(frequency: Frequency, instant: datetime) -> None:
    period = period_of(frequency, instant)
    assert period.start <= instant < period.end
    after = period_of(frequency, period.end)
    assert after.start == period.end
    assert after.label > period.label
    assert period_of(frequency, period.end - timedelta(microseconds=1)) == period


@given(FREQUENCIES, INSTANTS)
def test_the_newest_period_whose_secret_time_has_come_is_due(
    frequency: Frequency, now: datetime
) -> None:
    period, due_at = newest_due(frequency, now, SECRET, "raw")
    assert period.start <= due_at < period.end
    assert due_at <= now
    following = period_of(frequency, period.end)
    assert following.secret_time(SECRET, "raw") > now


def test_the_secret_time_follows_from_the_secret_the_period_and_the_purpose() -> None:
    days = [
        period_of("daily", datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)) for n in range(400)
    ]
    offsets = [day.secret_time(SECRET, "raw") - day.start for day in days]
    assert offsets == [day.secret_time(SECRET, "raw") - day.start for day in days]
    assert offsets != [day.secret_time(b"t" * 32, "raw") - day.start for day in days]
    assert offsets != [day.secret_time(SECRET, "curated") - day.start for day in days]
    # Each quarter of the day has its share: about 100 of 400.
    quarters = [sum(offset // timedelta(hours=6) == q for offset in offsets) for q in range(4)]
    assert min(quarters) > 60


def test_a_secret_time_is_in_its_period_whatever_the_secret() -> None:
    period = Period("x", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    times = [period.secret_time(bytes([n]) * 32, "raw") for n in range(256)]
    assert all(period.start <= time < period.end for time in times)
