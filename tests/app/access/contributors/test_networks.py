from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text

from app.access.contributors.networks import Networks, forget, remove_secrets
from app.services import Services
from app.state.models import Secret

DAY = datetime(2026, 11, 29, 12, tzinfo=UTC)
ADDRESS = "198.51.100.7"


def noted(services: Services) -> dict[tuple[date, str], str]:
    rows = Networks(services.database).read().to_pylist()
    return {(row["day"], row["contributor_id"]): row["network"] for row in rows}


@pytest.mark.both
def test_contributors_of_one_network_share_a_hash_on_a_day_and_not_on_the_next(
    services: Services,
) -> None:
    one, other = Networks(services.database), Networks(services.database)
    one.note(ADDRESS, "ada", DAY)
    one.note("2001:db8::", "eve", DAY)
    one.flush()
    other.note(ADDRESS, "bob", DAY)
    other.note(ADDRESS, "ada", DAY + timedelta(days=1))
    other.flush()
    today, tomorrow = DAY.date(), DAY.date() + timedelta(days=1)
    found = noted(services)
    assert set(found) == {(today, "ada"), (today, "eve"), (today, "bob"), (tomorrow, "ada")}
    assert found[today, "ada"] == found[today, "bob"]
    assert len({found[today, "ada"], found[today, "eve"], found[tomorrow, "ada"]}) == 3


@pytest.mark.parametrize(
    ("network", "contributor_id"),
    [
        (None, "ada"),
        ("", "ada"),
        (ADDRESS, None),
        ("127.0.0.1", "ada"),
        ("::1", "ada"),
        ("::", "ada"),
    ],
)
def test_what_could_name_somebody_or_stands_for_everybody_is_not_noted(
    services: Services, network: str | None, contributor_id: str | None
) -> None:
    services.access.networks.note(network, contributor_id, DAY)
    services.access.networks.flush()
    assert noted(services) == {}


def test_the_first_network_of_a_day_stays(services: Services) -> None:
    services.access.networks.note(ADDRESS, "ada", DAY)
    services.access.networks.flush()
    first = noted(services)
    services.access.networks.note("203.0.113.9", "ada", DAY)
    services.access.networks.flush()
    elsewhere = Networks(services.database)
    elsewhere.note("203.0.113.9", "ada", DAY)
    elsewhere.flush()
    assert noted(services) == first


def test_what_a_failed_transaction_wrote_is_written_again(services: Services) -> None:
    networks = services.access.networks
    networks.note(ADDRESS, "ada", DAY)
    with pytest.raises(ZeroDivisionError), services.database.write() as connection:
        networks.write(connection)
        raise ZeroDivisionError
    assert noted(services) == {}
    networks.flush()
    first = noted(services)
    elsewhere = Networks(services.database)
    elsewhere.note(ADDRESS, "bob", DAY)
    elsewhere.flush()
    assert set(noted(services).values()) == set(first.values())


def test_what_is_kept_of_a_contributor_can_be_removed(services: Services) -> None:
    for name in ("ada", "bob"):
        services.access.networks.note(ADDRESS, name, DAY)
    services.access.networks.flush()
    with services.database.write() as connection:
        forget(connection, ["ada", "eve"])
    assert {contributor for _, contributor in noted(services)} == {"bob"}


@pytest.mark.both
def test_secrets_of_past_days_are_removed_and_no_other_secret(services: Services) -> None:
    services.access.networks.note(ADDRESS, "ada", DAY)
    services.access.networks.flush()
    with services.database.write() as connection:
        before = set(connection.scalars(select(Secret.name)))
        for now in (DAY, datetime(2026, 11, 30, 0, 59, tzinfo=UTC)):
            assert remove_secrets(connection, now) == 0
        assert remove_secrets(connection, datetime(2026, 11, 30, 1, tzinfo=UTC)) == 1
        left = set(connection.scalars(select(Secret.name)))
    assert before - left == {"network 2026-11-29"}
    assert left


@pytest.mark.both
def test_nothing_stored_is_the_address_or_a_hash_that_could_be_tried_without_the_secret(
    services: Services,
) -> None:
    services.access.networks.note(ADDRESS, "ada", DAY)
    services.access.networks.flush()
    with services.database.read() as connection:
        found = connection.execute(text("SELECT * FROM contributor_networks")).mappings().one()
    assert list(found) == ["day", "contributor_id", "network"]
    assert len(found["network"]) == 16
    assert ADDRESS not in str(found)
