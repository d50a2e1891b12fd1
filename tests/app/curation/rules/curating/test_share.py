from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.rules.curating.ids import NOBODY, name_hashes
from app.curation.rules.curating.share import BURST_GAP_S, SharedRows, contributors_of, over_share

NAMES = st.lists(st.sampled_from(["ada", "bob", "cyd", "dan", None]), max_size=40)


def dropped(names: list[str | None], max_share: float, min_rows: int) -> list[int]:
    numbers = contributors_of(received(names))
    found: list[int] = over_share(numbers, max_share, min_rows).tolist()
    return found


def received(
    names: Sequence[str | None], sources: Sequence[str | None] = (), apart_s: float = 60
) -> SharedRows:
    """Return rows that were received with as many seconds between them."""
    number = len(names)
    return SharedRows(
        ends=np.arange(number, dtype=np.uint64),
        times=(np.arange(number) * apart_s * 1_000_000).astype(np.int64),
        contributors=name_hashes(pa.array(list(names), pa.large_string())),
        sources=name_hashes(pa.array(list(sources) or [None] * number, pa.large_string())),
        networks=np.full(number, NOBODY),
    )


def groups(rows: SharedRows) -> list[int]:
    """Return the contributors' numbers, counted from 0 in the order in which they come."""
    numbers = contributors_of(rows).tolist()
    return [list(dict.fromkeys(numbers)).index(number) for number in numbers]


def left(names: list[str | None], most: int) -> int:
    counts = Counter(names)
    anonymous = counts.pop(None, 0)
    return anonymous * min(most, 1) + sum(min(number, most) for number in counts.values())


@pytest.mark.slow
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
        if most < (1 if name is None else seen[name]):
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


def test_the_last_rows_are_dropped() -> None:
    assert dropped(["ada", None, "ada", None, "ada"], 0.5, 0) == [4]


def test_anonymous_rows_of_a_source_in_quick_succession_are_of_one_contributor() -> None:
    names = [None, "ada", None, None, "ada", None]
    sources = ["web", "web", "cli", "web", "cli", "cli"]
    assert groups(received(names, sources, apart_s=BURST_GAP_S / 5)) == [0, 1, 2, 0, 1, 2]
    assert groups(received(names, sources, apart_s=BURST_GAP_S + 1)) == [0, 1, 2, 3, 1, 4]


def test_rows_without_a_source_are_of_one_source() -> None:
    assert groups(received([None] * 3, apart_s=BURST_GAP_S)) == [0, 0, 0]
    assert groups(received([])) == []
