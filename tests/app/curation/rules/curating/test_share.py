from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.rules.curating.share import over_share

NAMES = st.lists(st.sampled_from(["ada", "bob", "cyd", "dan", None]), max_size=40)


def dropped(names: list[str | None], max_share: float, min_rows: int) -> list[int]:
    found: list[int] = over_share(pa.array(names, pa.large_string()), max_share, min_rows).tolist()
    return found


def left(names: list[str | None], most: int) -> int:
    counts = Counter(names)
    return counts.pop(None, 0) + sum(min(number, most) for number in counts.values())


@given(NAMES, st.sampled_from([0.0, 0.1, 0.29, 0.5, 0.7, 1.0]), st.integers(0, 6))
def test_no_contributor_exceeds_the_share_and_the_fewest_rows_are_dropped(
    names: list[str | None], max_share: float, min_rows: int
) -> None:
    percent = round(max_share * 100)
    fitting = [
        most
        for most in range(len(names) + 1)
        if most <= min_rows or 100 * most <= percent * left(names, most)
    ]
    most = max(fitting)
    seen: Counter[str | None] = Counter()
    expected = []
    for place, name in enumerate(names):
        seen[name] += 1
        if name is not None and seen[name] > most:
            expected.append(place)
    assert dropped(names, max_share, min_rows) == expected


def test_the_share_is_computed_from_the_rows_that_remain() -> None:
    """Half of 10 rows would be 5, but then ada would have 5 of 8."""
    names = ["ada"] * 7 + ["bob"] * 2 + [None]
    assert dropped(names, 0.5, 0) == [3, 4, 5, 6]


def test_anonymous_contributors_are_not_counted_as_one() -> None:
    assert dropped([None] * 90 + ["ada"] * 10, 0.1, 0) == []


def test_a_share_is_the_decimal_number_that_is_written() -> None:
    """As a binary fraction, 0.58 of 50 is less than 29."""
    assert dropped(["ada"] * 29 + [None] * 21, 0.58, 0) == []


@pytest.mark.parametrize("max_share", [0.0, 0.1])
def test_a_small_lake_of_one_contributor_is_kept_whole(max_share: float) -> None:
    assert dropped(["ada"] * 50, max_share, 50) == []
    assert dropped(["ada"] * 51, max_share, 50) == [50]


def test_the_lowest_preference_is_dropped_first() -> None:
    assert dropped(["ada", None, "ada", None, "ada"], 0.5, 0) == [4]
