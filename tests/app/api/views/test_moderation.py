"""Reports and moderation by HTTP. Takedowns are recorded by a stand-in."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.access.roles import Role
from app.services import Services, services_of
from app.settings import Settings
from catalog.records import Contribution
from tests.app.access.moderation.actors import Takedowns, moderation_of
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate

EVE = "e" * 32
BOB = "b" * 32
NOWHERE = "01900000-0000-7000-8000-000000000001"
"""The id of a contribution that no lake has."""


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """Settings by which two reports hide a contribution and a network may send three."""
    return lake_template.copy(tmp_path / "home", reports_to_quarantine=2, trusted_proxies=1)


@pytest.fixture
def takedowns(services: Services) -> Takedowns:
    """The takedowns that were asked for."""
    return Takedowns(services.access.hidden, services)


@pytest.fixture
def made(services: Services, takedowns: Takedowns) -> list[Contribution]:
    """Contributions of a lake whose takedowns are only recorded."""
    services.moderation.service = moderation_of(services, takedowns, threshold=2, per_day=3)
    services.moderation.reviews._moderation = services.moderation.service
    contributions = [make_received(0, "first"), *(make_received(1) for _ in range(4))]
    commit_batch(services, *contributions)
    return contributions


@pytest.fixture
def moderator(services: Services) -> dict[str, str]:
    """The headers of a moderator."""
    return headers_of(services, "moderate")


def headers_of(services: Services, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {services.access.keys.create(f'{role}-1', role)}"}


def report(client: FlaskClient, name: str, address: str, **body: Any) -> TestResponse:
    """Report a contribution from an address."""
    return client.post(
        f"/v1/contributions/{name}/reports",
        json={"reason": "spam", **body},
        headers={"X-Forwarded-For": address},
    )


def waiting(client: FlaskClient, headers: dict[str, str], **query: str) -> list[str]:
    """Return the ids of what waits for a decision."""
    answer = client.get("/v1/moderation", headers=headers, query_string=query)
    assert answer.status_code == 200, answer.get_data()
    return [each["contribution_id"] for each in answer.get_json()["reviews"]]


def test_the_networks_of_64_bits_of_one_customer_are_one_reporter(
    client: FlaskClient, services: Services, made: list[Contribution]
) -> None:
    name = made[0].contribution_id
    for address in ("2001:db8:1::1", "2001:db8:1:1::1", "2001:db8:1:ffff::1"):
        assert report(client, name, address).status_code == 202
    assert services.access.hidden.causes(name) == frozenset()
    assert report(client, name, "2001:db8:2::1").status_code == 202
    assert services.access.hidden.causes(name) == {"quarantine"}


@pytest.mark.slow
def test_reports_of_two_networks_hide_a_contribution_until_it_is_approved(
    client: FlaskClient, services: Services, made: list[Contribution], moderator: dict[str, str]
) -> None:
    name = made[0].contribution_id
    first = report(client, name, "192.0.2.1", comment="my address is in it")
    assert (first.status_code, first.get_json()) == (
        202,
        {"contribution_id": name, "reason": "spam"},
    )
    # The same network again, and another address of one network of IPv6.
    assert report(client, name, "192.0.2.1", reason="other").status_code == 202
    assert waiting(client, moderator, state="quarantined") == []
    assert report(client, name, "2001:db8::1").status_code == 202
    assert services.access.hidden.causes(name) == {"quarantine"}
    assert report(client, name, "2001:db8::2").status_code == 404

    (review,) = client.get("/v1/moderation", headers=moderator).get_json()["reviews"]
    assert review["contribution"]["conversation"][0]["content"] == "first"
    assert [each["cause"] for each in review["causes"]] == ["reports"]
    assert [(each["reason"], each["comment"]) for each in review["reports"]] == [
        ("spam", "my address is in it"),
        ("spam", None),
    ]
    assert "192.0.2.1" not in str(review)
    approved = client.post(f"/v1/moderation/{name}/approve", headers=moderator)
    assert (approved.status_code, approved.get_json()["action"]) == (200, "approve")
    assert services.access.hidden.causes(name) == frozenset()
    assert waiting(client, moderator) == []
    shown = client.get(f"/v1/moderation/{name}", headers=moderator).get_json()
    assert [(entry["action"], entry["actor"]) for entry in shown["log"]] == [
        ("approve", "moderate-1"),
        ("quarantine", "service:reports"),
    ]
    assert all(each["is_reviewed"] for each in shown["reports"])


def test_a_rejected_contribution_is_taken_down(
    client: FlaskClient,
    takedowns: Takedowns,
    made: list[Contribution],
    moderator: dict[str, str],
) -> None:
    ids = [each.contribution_id for each in made[:2]]
    body = {"contribution_ids": ids, "reason": "asked by mail"}
    answer = client.post("/v1/moderation/quarantine", json=body, headers=moderator)
    assert (answer.status_code, answer.get_json()) == (200, {"added": 2})
    assert waiting(client, moderator) == ids
    answer = client.post(
        f"/v1/moderation/{ids[0]}/reject", json={"reason": "an address"}, headers=moderator
    )
    assert (answer.status_code, answer.get_json()["action"]) == (202, "reject")
    assert takedowns.requests == [("contribution", (ids[0],), "an address", "moderate-1")]
    assert waiting(client, moderator) == ids[1:]
    again = client.post(f"/v1/moderation/{ids[0]}/reject", headers=moderator)
    assert again.status_code == 404


def test_bans_are_made_listed_and_lifted(
    client: FlaskClient, services: Services, takedowns: Takedowns, moderator: dict[str, str]
) -> None:
    eves = make_received(0, contributor_id=EVE)
    commit_batch(services, eves)
    services.moderation.service = moderation_of(services, takedowns)
    body = {"contributor_ids": [EVE], "reason": "advertising"}
    answer = client.post("/v1/moderation/bans", json=body, headers=moderator)
    assert (answer.status_code, answer.get_json()) == (202, {"added": 1})
    services.access.banned_contributions.update()
    assert services.access.hidden.causes(eves.contribution_id) == {"ban"}
    (listed,) = client.get("/v1/moderation/bans", headers=moderator).get_json()["bans"]
    assert (listed["contributor_id"], listed["state"], listed["reason"], listed["banned_by"]) == (
        EVE,
        "banned",
        "advertising",
        "moderate-1",
    )
    lifted = client.delete(f"/v1/moderation/bans/{EVE}", headers=moderator)
    assert (lifted.status_code, lifted.get_json()) == (202, {"contributor_id": EVE})
    services.access.banned_contributions.update()
    assert services.access.hidden.causes(eves.contribution_id) == frozenset()
    assert client.delete(f"/v1/moderation/bans/{EVE}", headers=moderator).status_code == 404
    assert takedowns.requests == []


def test_a_ban_with_a_takedown_erases_what_was_sent(
    client: FlaskClient, services: Services, takedowns: Takedowns, moderator: dict[str, str]
) -> None:
    services.moderation.service = moderation_of(services, takedowns)
    body = {"contributor_ids": [EVE, BOB], "takedown": True}
    assert client.post("/v1/moderation/bans", json=body, headers=moderator).status_code == 202
    assert [(kind, ids) for kind, ids, _, _ in takedowns.requests] == [
        ("contributor", (EVE,)),
        ("contributor", (BOB,)),
    ]


def test_the_log_and_the_list_are_read_in_pages(
    client: FlaskClient, made: list[Contribution], moderator: dict[str, str]
) -> None:
    ids = [each.contribution_id for each in made]
    body = {"contribution_ids": ids}
    client.post("/v1/moderation/quarantine", json=body, headers=moderator)
    for path, key, name, expected in (
        ("/v1/moderation", "reviews", "contribution_id", ids),
        ("/v1/moderation/log", "entries", "identifier", ids[::-1]),
    ):
        found: list[str] = []
        cursor: dict[str, str | None] = {}
        for _ in range(3):
            query = {"limit": "2", **cursor}
            page = client.get(path, headers=moderator, query_string=query).get_json()
            found += [each[name] for each in page[key]]
            cursor = {"cursor": page["next_cursor"]}
        assert found == expected
        assert cursor == {"cursor": None}
        wrong = client.get(path, headers=moderator, query_string={"cursor": "x"})
        assert (wrong.status_code, wrong.get_json()["errors"].keys()) == (422, {"cursor"})
    about = client.get("/v1/moderation/log", headers=moderator, query_string={"about": ids[0]})
    assert [each["identifier"] for each in about.get_json()["entries"]] == [ids[0]]


def test_a_page_of_reviews_ends_at_the_limit_of_bytes(
    client: FlaskClient, services: Services, made: list[Contribution], moderator: dict[str, str]
) -> None:
    services.moderation.reviews._page_bytes = 1
    ids = [each.contribution_id for each in made[:2]]
    client.post("/v1/moderation/quarantine", json={"contribution_ids": ids}, headers=moderator)
    page = client.get("/v1/moderation", headers=moderator).get_json()
    assert len(page["reviews"]) == 1
    assert page["next_cursor"] == ids[0]


def test_a_wrong_report_names_its_field(client: FlaskClient, made: list[Contribution]) -> None:
    path = f"/v1/contributions/{made[0].contribution_id}/reports"
    bodies: list[tuple[dict[str, Any], str]] = [
        ({}, "reason"),
        ({"reason": "ugly"}, "reason"),
        ({"reason": 3}, "reason"),
        ({"reason": "spam", "comment": "x" * 2_001}, "comment"),
        ({"reason": "spam", "comment": "a\x00b"}, "comment"),
        ({"reason": "spam", "comment": "\ud800"}, "comment"),
        ({"reason": "spam", "coment": "x"}, "coment"),
    ]
    for body, field in bodies:
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.get_json()["errors"].keys()) == (422, {field}), body


def test_a_report_needs_a_contribution_that_the_public_can_see(
    client: FlaskClient, services: Services, made: list[Contribution]
) -> None:
    assert report(client, NOWHERE, "192.0.2.1").status_code == 404
    beyond_the_calendar = "ffffffff-ffff-7000-8000-000000000000"
    assert report(client, beyond_the_calendar, "192.0.2.1").status_code == 404
    with services.database.write() as connection:
        services.access.hidden.hide(connection, [made[0].contribution_id], "ban")
    assert report(client, made[0].contribution_id, "192.0.2.1").status_code == 404


def test_a_network_that_reports_too_much_is_told_when_it_may_again(
    client: FlaskClient, made: list[Contribution]
) -> None:
    statuses = [report(client, each.contribution_id, "192.0.2.1").status_code for each in made[:4]]
    assert statuses == [202, 202, 202, 429]
    refused = report(client, made[3].contribution_id, "192.0.2.1")
    assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    assert "reports_per_day" in refused.get_json()["message"]
    assert report(client, made[3].contribution_id, "192.0.2.2").status_code == 202


def test_a_wrong_decision_names_its_field(client: FlaskClient, moderator: dict[str, str]) -> None:
    decisions: list[tuple[str, dict[str, Any], str]] = [
        ("quarantine", {"contribution_ids": []}, "contribution_ids"),
        ("quarantine", {"contribution_ids": ["x"]}, "contribution_ids"),
        ("quarantine", {"contribution_ids": [NOWHERE] * 1_001}, "contribution_ids"),
        ("quarantine", {"contribution_ids": [NOWHERE], "reason": "x" * 1_001}, "reason"),
        ("bans", {}, "contributor_ids"),
        ("bans", {"contributor_ids": ["eve"]}, "contributor_ids"),
        ("bans", {"contributor_ids": [EVE], "takedown": "perhaps"}, "takedown"),
        (f"{NOWHERE}/approve", {"reason": ["x"]}, "reason"),
        (f"{NOWHERE}/reject", {"why": "x"}, "why"),
    ]
    for path, body, field in decisions:
        answer = client.post(f"/v1/moderation/{path}", json=body, headers=moderator)
        assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [field]), path


def test_bodies_are_bounded_and_objects(client: FlaskClient, moderator: dict[str, str]) -> None:
    large = client.post("/v1/moderation/bans", data=b" " * 300_000, headers=moderator)
    assert large.status_code == 413
    for text in (b"[]", b"3", b"null"):
        answer = client.post(
            f"/v1/moderation/{NOWHERE}/approve",
            data=text,
            headers=moderator,
            content_type="application/json",
        )
        assert answer.status_code == 422, text


def test_nobody_else_decides(
    client: FlaskClient, services: Services, made: list[Contribution]
) -> None:
    path = f"/v1/moderation/{made[0].contribution_id}/reject"
    assert client.post(path).status_code == 401
    wrong = {"Authorization": f"Bearer clk_{'0' * 16}_{'0' * 64}"}
    assert client.post(path, headers=wrong).status_code == 401
    for role in ("ingest", "read"):
        assert client.post(path, headers=headers_of(services, role)).status_code == 403


@pytest.mark.slow
def test_the_reports_of_a_scrape_are_counted_by_reason(
    app: Flask, client: FlaskClient, made: list[Contribution]
) -> None:
    def scraped(name: str) -> float:
        lines = client.get("/metrics").get_data(as_text=True).splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name))

    before = scraped('chatlake_reports_total{reason="rights"}')
    assert scraped("chatlake_quarantined_contributions") == 0
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        report(client, made[0].contribution_id, address, reason="rights")
    assert scraped('chatlake_reports_total{reason="rights"}') == before + 2
    assert scraped("chatlake_quarantined_contributions") == 1
    assert services_of(app).moderation.service.quarantine.count() == 1
