from datetime import UTC, datetime
from typing import Any

from app.access.limits.bucket_table import Subject
from app.access.limits.clients import Clients
from app.access.limits.policies import Policy
from app.access.permissions.keys import ApiKey
from app.settings import Settings


def make_key(**limits: int) -> ApiKey:
    return ApiKey(
        key_id="0123456789abcdef",
        name="importer",
        role="ingest",
        digest=b"",
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=None,
        revoked_at=None,
        used_at=None,
        limits=limits,
    )


def make_clients(**settings: Any) -> Clients:
    return Clients(Settings.at("home", **settings))


def values(policies: Any) -> dict[str, int]:
    """Return the values of limits by their labels."""
    found: list[Policy] = list(policies)
    return {policy.label: policy.value for policy in found}


def test_without_settings_nobody_is_limited() -> None:
    clients = make_clients()
    assert not clients.are_limited
    for client in (clients.at("192.0.2.1"), clients.with_key(make_key())):
        assert (client.policies, client.contributor_policies) == ([], [])
        assert client.reads_at_once == 0


def test_addresses_and_keys_have_limits_of_their_own_and_contributors_come_with_both() -> None:
    clients = make_clients(
        reads_per_minute=60,
        reads_at_once=1,
        key_rows_per_day=1_000,
        key_reads_at_once=4,
        contributor_submissions_per_minute=10,
    )
    here, key = clients.at("192.0.2.1"), clients.with_key(make_key())
    assert here.subject == Subject("address", "192.0.2.1")
    assert key.subject == Subject("key", "0123456789abcdef")
    assert (values(here.policies), here.reads_at_once) == ({"reads": 60}, 1)
    assert (values(key.policies), key.reads_at_once) == ({"key_rows": 1_000}, 4)
    assert values(here.contributor_policies) == {"contributor_submissions": 10}
    assert values(key.contributor_policies) == {"contributor_submissions": 10}


def test_a_limit_of_contributors_is_a_limit_of_those_without_a_key() -> None:
    assert make_clients(contributor_rows_per_day=1).are_limited
    assert not make_clients(key_rows_per_day=1).are_limited


def test_a_keys_own_limits_come_in_place_of_those_of_all_keys() -> None:
    clients = make_clients(
        key_rows_per_day=1_000, key_reads_per_minute=60, contributor_rows_per_day=10
    )
    key = clients.with_key(
        make_key(
            rows_per_day=5_000,
            reads_per_minute=0,
            reads_at_once=2,
            contributor_rows_per_day=0,
        )
    )
    assert values(key.policies) == {"key_rows": 5_000}
    assert key.reads_at_once == 2
    assert key.contributor_policies == []
    assert values(clients.with_key(make_key()).policies) == {"key_rows": 1_000, "key_reads": 60}


def test_the_limits_of_a_key_are_the_same_objects_at_each_request() -> None:
    """Answers remember by them how they tell of limits."""
    clients = make_clients(key_rows_per_day=1_000)
    own = {"reads_per_minute": 3}
    first, second = (clients.with_key(make_key(**own)).policies for _ in range(2))
    assert all(one is other for one, other in zip(first, second, strict=True))
