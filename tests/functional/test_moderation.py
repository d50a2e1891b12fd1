"""Moderation on the real server: strangers report, moderators decide, and contributors are banned.

Reporters come from several addresses by `X-Forwarded-For`, as behind a proxy.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests

from tests.factories import make_submission
from tests.functional.server import REQUEST_TIMEOUT_S, Server, eventually

REPORTERS: Final = ("192.0.2.1", "192.0.2.2", "198.51.100.7")
WITHIN_S: Final = 10
PRIVATE: Final = "a text that should not be public"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which three reports hide a contribution."""
    home = tmp_path_factory.mktemp("moderated") / "home"
    with Server(home, reports_to_quarantine=3, trusted_proxies=1, takedown_grace_s=1) as made:
        yield made


@pytest.fixture(scope="module")
def moderator(server: Server) -> dict[str, str]:
    """The headers of a moderator."""
    key = server.run_lake("key", "create", "moderator-1", "--role", "moderate").strip()
    return {"Authorization": f"Bearer {key}"}


def ask(server: Server, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, server.url + path, timeout=REQUEST_TIMEOUT_S, **options)


def submit(server: Server, *texts: str, **fields: Any) -> requests.Response:
    """Submit a conversation and wait for its commit."""
    body = make_submission(*texts, **fields)
    return ask(server, "POST", "/v1/ingest/chat", json=body, headers={"Prefer": "wait=30"})


def report(server: Server, name: str, address: str) -> int:
    """Report a contribution from an address, and return the status of the answer."""
    headers = {"X-Forwarded-For": address}
    body = {"reason": "personal_data", "comment": "my address is in it"}
    path = f"/v1/contributions/{name}/reports"
    return ask(server, "POST", path, json=body, headers=headers).status_code


def is_seen(server: Server, name: str) -> bool:
    """Tell whether the public sees a contribution."""
    status = ask(server, "GET", f"/v1/contributions/{name}").status_code
    assert status in {200, 404}
    return status == 200


def log_of(server: Server, moderator: dict[str, str], about: str) -> list[tuple[str, str]]:
    """Return what was decided about an id, and by whom, oldest first."""
    answer = ask(
        server, "GET", "/v1/moderation/log", headers=moderator, params={"about": about}
    ).json()
    return [(entry["action"], entry["actor"]) for entry in reversed(answer["entries"])]


def test_reports_hide_a_contribution_until_a_moderator_approves_it(
    server: Server, moderator: dict[str, str]
) -> None:
    name = submit(server, "an honest question", "an answer").json()["contribution_id"]
    for address in (*REPORTERS[:2], *REPORTERS[:2]):
        assert report(server, name, address) == 202
    assert is_seen(server, name)
    assert report(server, name, REPORTERS[2]) == 202
    assert not is_seen(server, name)
    assert report(server, name, "203.0.113.9") == 404

    (review,) = ask(server, "GET", "/v1/moderation", headers=moderator).json()["reviews"]
    assert review["contribution"]["conversation"][0]["content"] == "an honest question"
    assert len(review["reports"]) == 3
    path = f"/v1/moderation/{name}/approve"
    wrong = {"Authorization": f"Bearer clk_{'0' * 16}_{'0' * 64}"}
    assert ask(server, "POST", path).status_code == 401
    assert ask(server, "POST", path, headers=wrong).status_code == 401
    assert not is_seen(server, name)
    assert ask(server, "POST", path, headers=moderator).status_code == 200
    assert is_seen(server, name)
    for number in range(4):
        assert report(server, name, f"203.0.113.{number}") == 202
    assert is_seen(server, name)
    assert log_of(server, moderator, name) == [
        ("quarantine", "service:reports"),
        ("approve", "moderator-1"),
    ]


def test_a_rejected_contribution_is_erased_with_its_reports(
    server: Server, moderator: dict[str, str]
) -> None:
    name = submit(server, PRIVATE, "an answer").json()["contribution_id"]
    body = {"reason": "personal_data", "comment": f"it says: {PRIVATE}"}
    path = f"/v1/contributions/{name}/reports"
    assert ask(server, "POST", path, json=body).status_code == 202
    rejected = ask(server, "POST", f"/v1/moderation/{name}/reject", headers=moderator)
    assert rejected.status_code == 202
    assert not is_seen(server, name)
    listed = ask(server, "GET", "/v1/moderation", headers=moderator).json()["reviews"]
    assert name not in {each["contribution_id"] for each in listed}
    assert log_of(server, moderator, name) == [("reject", "moderator-1")]

    def is_erased() -> bool:
        files = (path for path in server.home.rglob("*") if path.is_file())
        return not any(PRIVATE.encode() in path.read_bytes() for path in files)

    eventually("no file to hold the text", is_erased)


def test_a_ban_hides_and_refuses_until_it_is_lifted(
    server: Server, moderator: dict[str, str]
) -> None:
    made = ask(server, "POST", "/v1/contributors").json()
    key, contributor = made["contributor_key"], made["contributor_id"]
    first = submit(server, "buy this", submitter_id=key).json()["contribution_id"]
    body = {"contributor_ids": [contributor], "reason": "advertising"}
    bans = "/v1/moderation/bans"
    assert ask(server, "POST", bans, json=body).status_code == 401
    assert ask(server, "POST", bans, json=body, headers=moderator).status_code == 202

    def is_refused() -> bool:
        answers = [submit(server, f"buy {n}", submitter_id=key) for n in range(4)]
        return all(answer.status_code == 403 for answer in answers)

    eventually("every worker to refuse the contributor", is_refused, WITHIN_S)
    eventually("the ban to hide what came", lambda: not is_seen(server, first), WITHIN_S)
    # Also what slipped in at the first moment.
    counted = ask(server, "GET", "/v1/contributions/count", params={"contributor_id": contributor})
    assert counted.json()["count"] == 0
    assert submit(server, "another's").status_code == 200
    lifted = ask(server, "DELETE", f"{bans}/{contributor}", headers=moderator)
    assert lifted.status_code == 202
    eventually("the contribution to be seen again", lambda: is_seen(server, first), WITHIN_S)
    taken = eventually(
        "submissions to be taken again",
        lambda: submit(server, "sorry", submitter_id=key).status_code == 200,
        WITHIN_S,
    )
    assert taken
    assert log_of(server, moderator, contributor) == [
        ("ban", "moderator-1"),
        ("unban", "moderator-1"),
    ]


def test_a_ban_with_a_takedown_erases_also_what_slips_in(
    server: Server, moderator: dict[str, str]
) -> None:
    made = ask(server, "POST", "/v1/contributors").json()
    key, contributor = made["contributor_key"], made["contributor_id"]
    names = [submit(server, "buy that", submitter_id=key).json()["contribution_id"]]
    body = {"contributor_ids": [contributor], "takedown": True}
    answer = ask(server, "POST", "/v1/moderation/bans", json=body, headers=moderator)
    assert answer.status_code == 202
    number = 0
    while (taken := submit(server, f"buy {number}", submitter_id=key)).status_code == 200:
        names.append(taken.json()["contribution_id"])
        number += 1
    assert taken.status_code == 403

    def are_erased() -> bool:
        feed = ask(server, "GET", "/v1/takedowns").json()["taken_down"]
        known = {each["contribution_id"] for each in feed}
        return known >= set(names) and "being erased" not in server.run_lake("takedown", "list")

    eventually("all of it to be erased", are_erased)


def test_an_operator_does_the_same_by_commands(server: Server) -> None:
    name = submit(server, "quarantine me", "please").json()["contribution_id"]
    server.run_lake("moderation", "quarantine", name, "--reason", "asked by mail")
    assert not is_seen(server, name)
    assert "quarantine me" in server.run_lake("moderation", "list")
    server.run_lake("moderation", "approve", name)
    assert is_seen(server, name)
    log = server.run_lake("moderation", "log", "--about", name).splitlines()
    assert [line.split("\t")[2] for line in log] == ["approve", "quarantine"]
