from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.background.periods import Every, Period, newest_due, period_of

SECRET = b"s" * 32
MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001  # Hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001  # the same
    timezones=st.just(UTC),
)
EVERY = st.sampled_from(["daily", "weekly", "monthly"])


@pytest.mark.parametrize(
    ("every", "moment", "label"),
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
    every: Every, moment: datetime, label: str
) -> None:
    assert period_of(every, moment).label == label


@given(EVERY, MOMENTS)
def test_periods_follow_each_other_without_a_gap(every: Every, moment: datetime) -> None:
    period = period_of(every, moment)
    assert period.start <= moment < period.end
    after = period_of(every, period.end)
    assert after.start == period.end
    assert after.label > period.label
    assert period_of(every, period.end - timedelta(microseconds=1)) == period


@given(EVERY, MOMENTS)
def test_the_newest_moment_that_has_come_is_due(every: Every, now: datetime) -> None:
    period, moment = newest_due(every, now, SECRET, "raw")
    assert period.start <= moment < period.end
    assert moment <= now
    following = period_of(every, period.end)
    assert following.moment(SECRET, "raw") > now


def test_the_moment_follows_from_the_secret_the_period_and_the_purpose() -> None:
    days = [
        period_of("daily", datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)) for n in range(400)
    ]
    hours = [day.moment(SECRET, "raw") - day.start for day in days]
    assert hours == [day.moment(SECRET, "raw") - day.start for day in days]
    assert hours != [day.moment(b"t" * 32, "raw") - day.start for day in days]
    assert hours != [day.moment(SECRET, "curated") - day.start for day in days]
    # Each quarter of the day has its share: about 100 of 400.
    quarters = [sum(hour // timedelta(hours=6) == q for hour in hours) for q in range(4)]
    assert min(quarters) > 60


def test_a_moment_is_in_its_period_whatever_is_drawn() -> None:
    period = Period("x", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    drawn = [period.moment(bytes([n]) * 32, "raw") for n in range(256)]
    assert all(period.start <= each < period.end for each in drawn)
