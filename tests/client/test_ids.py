import re
import uuid
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlake_client.ids import StableIds

rows = st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.integers(), max_size=2)


def ids_of(values: list[dict[str, object]]) -> list[str]:
    with StableIds() as ids:
        return [ids.id_of_next(value) for value in values]


def test_an_id_is_the_same_in_every_version_of_the_client() -> None:
    first, second = ids_of([{"a": 1}, {"a": 1}])
    assert first == "e5cde761-5d5e-8afb-bc05-b0e5e6a6b9d3"
    assert second == "3e865a19-653d-8617-be20-1f7c3a8ac23e"


def test_an_id_is_a_uuid_of_version_8() -> None:
    (text,) = ids_of([{"a": 1}])
    assert re.fullmatch("[0-9a-f-]{36}", text)
    assert uuid.UUID(text).version == 8
    assert uuid.UUID(text).variant == uuid.RFC_4122


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(rows, max_size=8), st.randoms())
def test_ids_are_distinct_and_do_not_depend_on_the_order_of_rows(
    values: list[dict[str, object]], random: Random
) -> None:
    ids = ids_of(values)
    assert len(set(ids)) == len(values)
    shuffled = list(values)
    random.shuffle(shuffled)
    assert set(ids_of(shuffled)) == set(ids)


def test_the_order_of_keys_does_not_matter() -> None:
    assert ids_of([{"a": 1, "b": 2}]) == ids_of([{"b": 2, "a": 1}])
