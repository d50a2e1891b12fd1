"""The pages of moderators; the API's tests have what decisions do."""

from typing import Final

import pytest
from flask.testing import FlaskClient

from app.services import Services
from app.site.views import moderating
from catalog.records import Contribution
from tests.app.site.views.test_conversations import bearer, text_of
from tests.factories import commit_batch, make_received

EVE: Final = "e" * 32


@pytest.fixture
def moderator(services: Services) -> dict[str, str]:
    """The headers of a moderator."""
    return bearer(services.access.keys.create("moderator-1", "moderate"))


@pytest.fixture
def made(services: Services) -> list[Contribution]:
    """Three contributions, of which the first is reported."""
    contributions = [
        make_received(day, f"<b>number</b> {day}", contributor_id=EVE) for day in range(3)
    ]
    commit_batch(services, *contributions)
    services.moderation.service.report(
        contributions[0].contribution_id, "spam", "It <b>sells</b>\u202e", "1" * 32
    )
    return contributions


def test_only_moderators_see_the_pages(client: FlaskClient, services: Services) -> None:
    reader = bearer(services.access.keys.create("reader", "read"))
    for path in ("", "/log", "/bans", "/00000000-0000-0000-0000-000000000000"):
        assert client.get(f"/moderation{path}").status_code == 401
        denied = client.get(f"/moderation{path}", headers=reader)
        assert (denied.status_code, denied.mimetype) == (403, "text/html")
        assert "data-key-form" in denied.text


@pytest.mark.slow
def test_what_waits_is_listed_in_pages(
    client: FlaskClient,
    services: Services,
    made: list[Contribution],
    moderator: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moderating, "_WAITING", 1)
    services.reading.quarantine.add([made[1].contribution_id], "hand", "moderator-1", "by <mail>")
    page = client.get("/moderation", headers=moderator).text
    assert "&lt;b&gt;number&lt;/b&gt; 0" in page
    assert "spam: 1" in text_of(page)
    following = f"/moderation?cursor={made[0].contribution_id}"
    assert following in page
    page = client.get(following, headers=moderator).text
    assert "hidden: hand ( by &lt;mail&gt; )" in text_of(page)
    page = client.get("/moderation?state=quarantined", headers=moderator).text
    assert f"/moderation/{made[1].contribution_id}" in page
    assert made[0].contribution_id not in page
    page = client.get("/moderation", headers=moderator).text
    many = "/moderation?state=reported&amp;min_reports=5"
    assert many in page
    page = client.get(many.replace("&amp;", "&"), headers=moderator).text
    assert "Nothing waits" in text_of(page)


def test_a_review_shows_the_text_the_reports_and_what_can_be_decided(
    client: FlaskClient, made: list[Contribution], moderator: dict[str, str]
) -> None:
    page = client.get(f"/moderation/{made[0].contribution_id}", headers=moderator).text
    said = text_of(page)
    for part in ("It &lt;b&gt;sells&lt;/b&gt;⟦U+202E⟧", "Erase for good", "Put into quarantine"):
        assert part in said, part
    untouched = text_of(
        client.get(f"/moderation/{made[2].contribution_id}", headers=moderator).text
    )
    assert "Erase for good" not in untouched
    assert "Nobody has reported it" in untouched


@pytest.mark.slow
def test_a_contribution_is_hidden_and_approved(
    client: FlaskClient, made: list[Contribution], moderator: dict[str, str]
) -> None:
    name = made[0].contribution_id
    form = {"contribution_ids": f" {name}\n{made[1].contribution_id}", "reason": "by mail"}
    answer = client.post("/moderation/quarantine", data=form, headers=moderator)
    assert "2 of 2 were put into quarantine" in answer.text
    assert client.get(f"/conversations/{name}").status_code == 404
    form = {"reason": "harmless <b>"}
    answer = client.post(f"/moderation/{name}/approve", data=form, headers=moderator)
    assert answer.status_code == 200
    assert '<p class="done">' in answer.text
    assert client.get(f"/conversations/{name}").status_code == 200
    log = text_of(client.get(f"/moderation/log?about={name}", headers=moderator).text)
    assert "moderator-1 approve" in log
    assert "harmless &lt;b&gt;" in log


def test_a_rejected_contribution_is_gone(
    client: FlaskClient, services: Services, made: list[Contribution], moderator: dict[str, str]
) -> None:
    name = made[0].contribution_id
    answer = client.post(f"/moderation/{name}/reject", headers=moderator)
    assert answer.status_code == 202
    assert client.get(f"/conversations/{name}").status_code == 410
    (entry,) = services.access.moderation_log.page(10, identifier=name)
    assert (entry.action, entry.actor) == ("reject", "moderator-1")


def test_contributors_are_banned_and_bans_lifted(
    client: FlaskClient, services: Services, moderator: dict[str, str]
) -> None:
    form = {"contributor_ids": f"{EVE} {'d' * 32}", "reason": "ads <b>"}
    answer = client.post("/moderation/bans", data=form, headers=moderator)
    assert (answer.status_code, "2 were not banned before" in answer.text) == (202, True)
    page = client.get("/moderation/bans", headers=moderator).text
    assert EVE in page
    assert "ads &lt;b&gt;" in page
    answer = client.post(f"/moderation/bans/{EVE}/lift", headers=moderator)
    assert answer.status_code == 202
    assert [ban.contributor_id for ban in services.access.bans.all()] == ["d" * 32]
    log = client.get("/moderation/log", headers=moderator).text
    assert text_of(log).count("moderator-1") == 3


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("quarantine", {}, 422),
        ("quarantine", {"contribution_ids": "no-id"}, 422),
        ("quarantine", {"contribution_ids": "00000000-0000-0000-0000-000000000000"}, 404),
        ("bans", {"contributor_ids": "nobody"}, 422),
        ("bans", {"contributor_ids": EVE, "reason": "a" * 1_001}, 422),
        ("bans/nobody/lift", {}, 404),
        ("00000000-0000-0000-0000-000000000000/approve", {}, 404),
        ("00000000-0000-0000-0000-000000000000/reject", {}, 404),
    ],
)
def test_what_cannot_be_decided_is_told_by_a_page(
    client: FlaskClient, moderator: dict[str, str], path: str, form: dict[str, str], status: int
) -> None:
    answer = client.post(f"/moderation/{path}", data=form, headers=moderator)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("?cursor=none", 422),
        ("?state=none", 422),
        ("/log?cursor=-1", 422),
        ("/log?about=", 422),
        ("/00000000-0000-0000-0000-000000000000", 404),
        ("/log?about=%00", 422),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    client: FlaskClient, moderator: dict[str, str], path: str, status: int
) -> None:
    assert client.get(f"/moderation{path}", headers=moderator).status_code == status
