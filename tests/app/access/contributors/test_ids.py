import hmac
import secrets
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from app.access.contributors.ids import SECRET_ROW, Ids, SecretMissing, is_guessable, read_secret
from app.access.contributors.keys import new_contributor_key
from app.services import Services
from app.state.models import Secret
from tests.factories import IDS, UNGUESSABLE

_IDS = st.text(max_size=20)


def test_an_id_is_half_of_a_keyed_hash_in_hexadecimal() -> None:
    sent = msgspec.msgpack.encode(("contributor", None, UNGUESSABLE))
    assert IDS.contributor_id(UNGUESSABLE) == hmac.new(bytes(32), sent, "sha256").hexdigest()[:32]


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.none() | _IDS, _IDS, st.none() | _IDS), min_size=2, max_size=2, unique=True
    )
)
def test_no_two_conversations_have_one_id(sent: list[tuple[str | None, str, str | None]]) -> None:
    first, second = (IDS.conversation_id(*each) for each in sent)
    assert first != second


def test_ids_of_different_kinds_namespaces_and_lakes_differ() -> None:
    other_lake = Ids(lambda: bytes(31) + b"x")
    found = [
        IDS.contributor_id("a"),
        IDS.contributor_id("a", "a key"),
        other_lake.contributor_id("a"),
        IDS.conversation_id(None, "a"),
        IDS.conversation_id("a", "a"),
        IDS.conversation_id("a", "a", "a key"),
        IDS.settled_conversation_id(None, "a"),
        IDS.settled_conversation_id("a", "a"),
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "client_id",
    [
        *("", "x", "ada", "anonymous", "chat-1", "a" * 100, "ab" * 50, "0" * 15 + "1"),
        *("1234567890123456789", "2026-11-29 08:30:00", "anonymous-contributor", "Test User 00001"),
        *("ada.lovelace@example.org", "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_what_is_short_uniform_counted_or_known_can_be_guessed(client_id: str) -> None:
    assert is_guessable(client_id)


@pytest.mark.parametrize(
    "make", [lambda: str(uuid4()), secrets.token_urlsafe, secrets.token_hex, new_contributor_key]
)
def test_random_ids_cannot_be_guessed(make: object) -> None:
    assert callable(make)
    assert not any(is_guessable(make()) for _ in range(1_000))


def test_a_lake_has_a_secret_of_its_own_from_its_migration(services: Services) -> None:
    assert len(read_secret(services.database)) == 32
    assert read_secret(services.database) != bytes(32)
    with services.database.write() as connection:
        connection.execute(delete(Secret).where(Secret.name == SECRET_ROW))
    with pytest.raises(SecretMissing):
        read_secret(services.database)


def test_a_reporter_is_known_by_the_network_and_not_named_by_it() -> None:
    first, second = IDS.reporter_id("192.0.2.1"), IDS.reporter_id("192.0.2.2")
    assert first == IDS.reporter_id("192.0.2.1") != second
    assert first not in {
        IDS.contributor_id("192.0.2.1"),
        Ids(lambda: b"x").reporter_id("192.0.2.1"),
    }
    assert len(first) == 32
