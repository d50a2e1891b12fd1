import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.access.errors import KeyInvalid, KeyNameInvalid, KeyNameTaken, KeyNotFound
from app.access.permissions.keys import ApiKey, Keys
from app.access.refreshed import MAX_AGE_S
from app.access.roles import OPEN, ROLES, Roles, grants
from app.services import Services
from app.state.models import ApiKeyRecord

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the keys."""
    return Clock()


@pytest.fixture
def keys(services: Services, clock: Clock) -> Iterator[Keys]:
    """The keys of a lake that has none yet."""
    made = Keys(services.database, clock)
    yield made
    made.close()


def pass_time(keys: Keys, seconds: float = MAX_AGE_S + 0.1) -> None:
    """Let the keys in memory grow older."""
    kept = keys._known._kept
    assert kept is not None
    keys._known._kept = kept[0] - seconds, kept[1]


def only(keys: Keys) -> ApiKey:
    """Return the one key that there is, as the database has it."""
    (key,) = keys.all()
    return key


@pytest.mark.both
def test_a_key_is_verified_and_its_secret_is_not_stored(keys: Keys, services: Services) -> None:
    text = keys.create("mirror", "read")
    prefix, key_id, secret = text.split("_")
    assert (prefix, len(key_id), len(secret)) == ("clk", 16, 64)
    found = keys.verify(text)
    assert (found.key_id, found.name, found.role) == (key_id, "mirror", "read")
    assert found.made_at == NOW
    with services.database.read() as connection:
        (row,) = connection.execute(select(ApiKeyRecord.__table__)).mappings()
    assert secret not in str(dict(row)) + repr(found)
    assert bytes.fromhex(secret) != row["digest"]


def test_no_two_keys_are_alike(keys: Keys) -> None:
    assert len({keys.create(f"key-{number}", "ingest") for number in range(9)}) == 9


@pytest.mark.both
def test_a_name_is_used_once(keys: Keys) -> None:
    keys.create("mirror", "read")
    keys.revoke("mirror")
    with pytest.raises(KeyNameTaken, match="'mirror' is taken"):
        keys.create("mirror", "read")


@pytest.mark.parametrize("name", ["", "a b", "a\n", "-a", "x" * 101, "0123456789abcdef"])
def test_a_name_is_no_id_and_of_usual_characters(keys: Keys, name: str) -> None:
    with pytest.raises(KeyNameInvalid):
        keys.create(name, "read")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:0],
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text + "\n",
        lambda text: text.upper(),
        lambda text: text.replace("clk_", "clk_ "),
        lambda text: text[:-1] + "é",
        lambda text: text[:-1] + "\u0661",
        lambda text: text.partition("_")[0] + "_" * 80,
    ],
)
def test_a_text_that_is_no_key_is_told_so(keys: Keys, change: Callable[[str], str]) -> None:
    text = change(keys.create("mirror", "read"))
    for verify in (keys.verify, keys.recall):
        with pytest.raises(KeyInvalid, match="isn't whole"):
            verify(text)


def test_a_wrong_secret_and_an_unknown_id_are_answered_alike(keys: Keys) -> None:
    text = keys.create("mirror", "read")
    wrong_secret = text[:21] + "0" * 64
    unknown_id = "clk_" + "0" * 16 + text[20:]
    for wrong in (wrong_secret, unknown_id):
        with pytest.raises(KeyInvalid, match="there is no such key"):
            keys.verify(wrong)
    with pytest.raises(KeyInvalid, match="there is no such key"):
        keys.recall(wrong_secret)
    assert keys.recall(unknown_id) is None


def test_a_key_ends_at_its_time(keys: Keys, clock: Clock) -> None:
    text = keys.create("mirror", "read", NOW + timedelta(hours=1))
    clock.now += timedelta(minutes=59, seconds=59)
    keys.verify(text)
    clock.now += timedelta(seconds=1)
    with pytest.raises(KeyInvalid, match="expired"):
        keys.verify(text)
    with pytest.raises(KeyInvalid, match="expired"):
        keys.recall(text)


@pytest.mark.both
@pytest.mark.parametrize("by_id", [False, True], ids=["name", "id"])
def test_a_revoked_key_is_refused_at_once_here_and_soon_elsewhere(
    keys: Keys, services: Services, by_id: bool
) -> None:
    text = keys.create("mirror", "read")
    keys.verify(text)
    elsewhere = services.access.keys
    elsewhere.verify(text)
    assert elsewhere.revoke(text.split("_")[1] if by_id else "mirror") == "mirror"
    with pytest.raises(KeyInvalid, match="revoked"):
        elsewhere.verify(text)
    keys.verify(text)
    pass_time(keys)
    with pytest.raises(KeyInvalid, match="revoked"):
        keys.verify(text)


def test_revoking_again_keeps_the_first_time(keys: Keys, clock: Clock) -> None:
    keys.create("mirror", "read")
    keys.revoke("mirror")
    clock.now += timedelta(days=1)
    keys.revoke("mirror")
    assert only(keys).revoked_at == NOW
    with pytest.raises(KeyNotFound, match="'none'"):
        keys.revoke("none")


def test_keys_are_in_memory_for_a_while(keys: Keys, services: Services) -> None:
    text = keys.create("mirror", "read")
    assert keys.recall(text) is None
    keys.verify(text)
    with patch.object(services.database, "read", side_effect=AssertionError):
        for _ in range(3):
            assert keys.verify(text) == keys.recall(text)
    pass_time(keys)
    assert keys.recall(text) is None


def test_a_new_key_is_known_soon_and_unknown_ids_do_not_ask_each_time(
    keys: Keys, services: Services
) -> None:
    keys.verify(keys.create("first", "read"))
    second = services.access.keys.create("second", "read")
    pass_time(keys, 0.3)
    assert keys.verify(second).name == "second"
    unknown = "clk_" + "0" * 16 + second[20:]
    with patch.object(services.database, "read", side_effect=AssertionError):
        for _ in range(9):
            with pytest.raises(KeyInvalid):
                keys.verify(unknown)


@pytest.mark.both
def test_the_last_use_is_recorded_once_a_minute(services: Services, clock: Clock) -> None:
    keys = Keys(services.database, clock)
    text = keys.create("mirror", "read")
    assert only(keys).used_at is None
    clock.now += timedelta(seconds=10)
    keys.verify(text)
    clock.now += timedelta(seconds=59)
    keys.verify(text)
    keys.close()
    assert only(keys).used_at == NOW + timedelta(seconds=10)
    # Another process hasn't seen the record, and doesn't write another one.
    other = Keys(services.database, clock)
    other._uses.note(only(keys).key_id, None, clock.now)
    other.close()
    assert only(keys).used_at == NOW + timedelta(seconds=10)
    later = Keys(services.database, clock)
    clock.now += timedelta(seconds=1)
    later.verify(text)
    later.close()
    assert only(keys).used_at == NOW + timedelta(seconds=70)


def test_a_use_that_cannot_be_recorded_fails_nothing(
    keys: Keys, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    text = keys.create("mirror", "read")
    failure = OperationalError("", {}, Exception(text))
    with (
        caplog.at_level(logging.WARNING),
        patch.object(services.database, "write", side_effect=failure),
    ):
        keys.verify(text)
        keys.close()
    assert "the use of a key wasn't recorded: OperationalError" in caplog.text
    assert text not in caplog.text
    keys.verify(text)
    assert only(keys).used_at is None


def test_keys_are_listed_from_the_oldest(keys: Keys, clock: Clock) -> None:
    for name in ("b", "a"):
        keys.create(name, "operate")
        clock.now += timedelta(seconds=1)
    assert [key.name for key in keys.all()] == ["b", "a"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_grants_itself_alone_and_operate_grants_all(role: str) -> None:
    needs: list[Roles] = [OPEN, *(frozenset({each}) for each in ROLES), frozenset(ROLES)]
    granted = [needed for needed in needs if grants(role, needed)]  # type: ignore[arg-type]
    assert granted == (needs if role == "operate" else [OPEN, frozenset({role})])
