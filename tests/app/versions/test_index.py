"""The index of versions, on both databases."""

import os

import pytest

from app.services import Services
from app.versions.index import KEYS_PER_QUERY, StoredVersion, to_row
from app.versions.keys import VersionKey, conversation_key
from tests.factories import make_contribution_id


def _key(conversation: str) -> VersionKey:
    return VersionKey(conversation_key(conversation), os.urandom(16))


@pytest.mark.both
def test_the_latest_version_with_a_key_is_found_among_many(services: Services) -> None:
    index = services.versions.index
    keys = [_key(str(number)) for number in range(KEYS_PER_QUERY + 3)]
    ids = [make_contribution_id() for _ in keys]
    again = make_contribution_id()
    rows = [to_row(key, each, 1) for key, each in zip(keys, ids, strict=True)]
    index.add([*rows, to_row(keys[0], again, 2)])
    index.add(rows)
    found = index.find([*keys, _key("unknown")])
    assert found.keys() == set(keys)
    assert found[keys[0]] == StoredVersion(2, again)
    assert found[keys[-1]] == StoredVersion(1, ids[-1])
    assert index.find([]) == {}


@pytest.mark.both
def test_versions_of_a_conversation_come_in_order_up_to_a_commit(services: Services) -> None:
    index = services.versions.index
    ids = sorted(make_contribution_id() for _ in range(3))
    # The clock of the node that took the second one was behind.
    numbers = dict(zip(ids, [2, 1, 3], strict=True))
    index.add([to_row(_key("chat"), each, number) for each, number in numbers.items()])
    expected = [StoredVersion(1, ids[1]), StoredVersion(2, ids[0])]
    assert index.of("chat", 2) == expected
    assert index.of("chat", 0) == index.of("other", 9) == []
    shared = index.shared([conversation_key("chat"), conversation_key("other")])
    assert shared == {conversation_key("chat"): [*expected, StoredVersion(3, ids[2])]}


@pytest.mark.both
def test_adding_tells_which_conversations_have_several_versions_by_then(services: Services) -> None:
    index = services.versions.index
    keys = [_key(str(number)) for number in range(600)]
    rows = [to_row(key, make_contribution_id(), 1) for key in keys]
    assert index.add([]) == index.add(rows) == index.add(rows) == set()
    again = [to_row(_key(str(number)), make_contribution_id(), 2) for number in (0, 7, 599)]
    twice = [to_row(_key("new"), make_contribution_id(), 2) for _ in range(200)]
    expected = {*(row[0] for row in again), conversation_key("new")}
    assert index.add([*again, *twice, to_row(_key("other"), make_contribution_id(), 2)]) == expected


@pytest.mark.both
def test_the_watermark_never_goes_back(services: Services) -> None:
    index = services.versions.index
    assert index.watermark() == 0
    for number, expected in ((5, 5), (3, 5), (6, 6)):
        index.advance(number, index.fillings())
        assert index.watermark() == expected
