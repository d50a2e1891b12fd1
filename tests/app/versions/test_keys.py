"""Keys of the index of versions."""

import hashlib

import pyarrow as pa
import pytest

from app.versions.keys import (
    VersionKey,
    content_key,
    contribution_id_of,
    contribution_key,
    conversation_key,
    only_versions,
    version_key,
)
from tests.factories import make_contribution

CONVERSATION = "5f0a3b6c9d2e48718c1d7e6f90ab34cd"


def test_the_services_own_ids_keep_their_bytes() -> None:
    assert conversation_key(CONVERSATION) == bytes.fromhex(CONVERSATION)
    digest = hashlib.sha256(b"turns").hexdigest()
    assert content_key(digest) == bytes.fromhex(digest)[:16]


@pytest.mark.parametrize("other", ["", "chat-1", CONVERSATION.upper(), CONVERSATION + "0"])
def test_what_another_engine_wrote_is_hashed(other: str) -> None:
    assert len(conversation_key(other)) == len(content_key(other)) == 16
    assert conversation_key(other) != conversation_key(CONVERSATION)


def test_a_contribution_id_comes_back_and_sorts_as_its_text_does() -> None:
    ids = sorted(make_contribution().contribution_id for _ in range(20))
    keys = list(map(contribution_key, ids))
    assert list(map(contribution_id_of, keys)) == ids
    assert keys == sorted(keys)


def test_a_contribution_without_an_id_of_its_client_has_no_key() -> None:
    assert version_key(make_contribution()) is None
    made = make_contribution(conversation_id=CONVERSATION)
    assert version_key(made) == VersionKey(
        bytes.fromhex(CONVERSATION), bytes.fromhex(made.content_hash)[:16]
    )


def test_rows_whose_ids_say_no_time_of_the_calendar_are_no_versions() -> None:
    good = make_contribution().contribution_id
    ids = [
        good,
        good,
        "not an id",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        good[:14] + "4" + good[15:],
    ]
    conversations = [CONVERSATION, good, *[CONVERSATION] * 3]
    batch = pa.RecordBatch.from_pydict({"contribution_id": ids, "conversation_id": conversations})
    assert only_versions(batch).to_pylist() == [
        {"contribution_id": good, "conversation_id": CONVERSATION}
    ]
