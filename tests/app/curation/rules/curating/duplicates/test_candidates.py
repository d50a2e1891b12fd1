from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.curation.rules.curating.duplicates.candidates import find_candidates, repeated

VALUES = st.lists(st.integers(-3, 3), max_size=20)
BANDS = st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), max_size=15)


@given(VALUES)
def test_repeated_values_are_found_with_a_number_for_each(values: list[int]) -> None:
    places, numbers = repeated(np.array(values, np.int64))
    assert sorted(places.tolist()) == [
        place for place, value in enumerate(values) if values.count(value) > 1
    ]
    pairs = zip(places.tolist(), numbers.tolist(), strict=True)
    named = {(values[place], number) for place, number in pairs}
    again = sorted({value for value in values if values.count(value) > 1})
    assert sorted(named) == list(zip(again, range(len(again)), strict=True))


@given(BANDS)
def test_rows_that_are_connected_by_bands_are_of_one_group(rows: list[list[int]]) -> None:
    values = np.array(rows, np.int64).reshape(-1, 3)
    found = find_candidates(lambda band: values[:, band], 3, len(rows))
    groups, shared = plain_groups(rows), plain_shared(rows)
    expected = [row for row in range(len(rows)) if shared[row]]
    assert sorted(found.rows.tolist()) == expected
    assert found.rows.tolist() == sorted(expected, key=lambda row: (groups[row], row))
    assert found.groups.tolist() == [groups[row] for row in found.rows.tolist()]
    assert found.shared.tolist() == [shared[row] for row in found.rows.tolist()]


def plain_shared(rows: list[list[int]]) -> list[int]:
    """Return the bits of the bands that each row shares with another one."""
    return [
        sum(
            1 << band
            for band, value in enumerate(row)
            if sum(other[band] == value for other in rows) > 1
        )
        for row in rows
    ]


def plain_groups(rows: list[list[int]]) -> list[int]:
    """Return the least row that each row is connected with, by walking from each row."""
    linked: defaultdict[int, set[int]] = defaultdict(set)
    for one, values in enumerate(rows):
        for other, others in enumerate(rows):
            if any(value == its for value, its in zip(values, others, strict=True)):
                linked[one].add(other)
    groups = []
    for row in range(len(rows)):
        reached, left = {row}, [row]
        while left:
            further = linked[left.pop()] - reached
            reached |= further
            left += further
        groups.append(min(reached))
    return groups
