from datetime import date, timedelta

from app.site.rendering.periods import growth_of, periods_of

FIRST = date(2026, 1, 1)


def days(number: int) -> list[tuple[date, int]]:
    return [(FIRST + timedelta(days=day), 1) for day in range(number)]


def test_few_days_stay_days() -> None:
    found = periods_of(days(400))
    assert (found.unit, found.counts) == ("day", days(400))
    assert (periods_of([]).unit, list(periods_of([]).counts)) == ("day", [])


def test_many_days_become_weeks_and_then_months_with_the_same_sum() -> None:
    weeks, months = periods_of(days(800)), periods_of(days(4_000))
    assert (weeks.unit, months.unit) == ("week", "month")
    assert sum(number for _, number in weeks.counts) == 800
    assert sum(number for _, number in months.counts) == 4_000
    assert {day.weekday() for day, _ in weeks.counts} == {0}
    assert {day.day for day, _ in months.counts} == {1}


def test_growth_adds_up_and_has_the_days_between() -> None:
    second, third = (FIRST + timedelta(days=day) for day in (1, 2))
    found = growth_of([(FIRST, 2), (third, 5)])
    assert found == [(FIRST, 2, 2), (second, 2, 0), (third, 7, 5)]
