"""Takedowns by HTTP: who may withdraw what, moderators, and the feed of mirrors."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from app.access.contributors.keys import new_contributor_key
from app.access.takedowns.feed import FeedPosition
from app.access.takedowns.records import TakenDown
from app.api.paging import ChangesCursor, FeedCursor
from app.ingest.journal.pending import Pending
from app.services import Services
from catalog.schema import ID
from tests.factories import (
    UNGUESSABLE,
    commit_batch,
    make_contribution_id,
    make_received,
    make_submission,
)

OWNER: Final = new_contributor_key()
STRANGER: Final = new_contributor_key()
CONTRIBUTIONS: Final = "/v1/contributions"
TAKEDOWNS: Final = "/v1/takedowns"
CHANGES: Final = "/v1/changes"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def send(client: FlaskClient, text: str, key: str | None = None, **fields: Any) -> str:
    """Send a submission, and return its id, which is its contribution_id if it has no other."""
    headers = bearer(key) if key else {}
    answer = client.post("/v1/ingest/chat", json=make_submission(text, **fields), headers=headers)
    assert answer.status_code == 200, answer.text
    sent_id: str = answer.get_json()["ingest_id"]
    return sent_id


def pending_ids(services: Services, conversation_id: str) -> list[str]:
    """Return the contribution_ids of a conversation's versions that aren't committed yet."""
    pending = Pending(services.database, lambda: services.reading.snapshots.table().io)
    ids: list[str] = pending.matching("conversation_id", [conversation_id])[ID].to_pylist()
    return ids


def record(services: Services, *ids: str, at: datetime | None = None) -> int:
    """Record a takedown, and return its id."""
    if at is not None:
        services.access.takedowns._clock = lambda: at
    rows = [TakenDown(each, each, f"hash of {each}", 1) for each in ids]
    takedown = services.access.takedowns.record(
        "contribution", ids[0], rows, reason="private", requested_by="desk"
    )
    return takedown.takedown_id


# Withdrawing.


@pytest.mark.both
@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "pending"])
def test_the_owner_withdraws_a_contribution_and_nobody_else_can(
    client: FlaskClient, services: Services, is_committed: bool
) -> None:
    send(client, "mine", OWNER, ingest_id="chat-1")
    (mine,) = pending_ids(services, services.access.ids.conversation_id(OWNER, "chat-1"))
    other = send(client, "another", OWNER)
    send(client, "a stranger's", STRANGER)
    if is_committed:
        services.jobs.committer().drain()
    path = f"{CONTRIBUTIONS}/{mine}"
    for headers, status in [
        ({}, 401),
        ({"Authorization": "Basic YTpi"}, 401),
        (bearer("ada"), 403),
        (bearer("clc_short"), 422),
        (bearer(STRANGER), 404),
    ]:
        refused = client.delete(path, headers=headers)
        assert refused.status_code == status, headers
        assert services.access.hidden.ids().to_pylist() == []
    answer = client.delete(path, headers=bearer(OWNER))
    assert answer.status_code == 202
    body = answer.get_json()
    assert (body["kind"], body["identifier"], body["state"]) == ("contribution", mine, "erasing")
    assert body.keys() == {
        *("takedown_id", "kind", "identifier", "state", "requested_at", "erased_at")
    }
    assert services.access.hidden.ids().to_pylist() == [mine]
    assert services.access.taken_down.ids().to_pylist() == [mine]
    # Again it is the same takedown, and others learn no more than before.
    assert client.delete(path, headers=bearer(OWNER)).get_json() == body
    assert client.delete(path, headers=bearer(STRANGER)).status_code == 404
    assert other not in services.access.hidden.ids().to_pylist()
    # Its conversation and its content are refused from now on.
    services.ingest.refusals._taken_down.forget()
    for fields in ({"ingest_id": "chat-1"}, {}):
        text = "mine" if not fields else "changed"
        again = client.post(
            "/v1/ingest/chat", json=make_submission(text, **fields), headers=bearer(OWNER)
        )
        assert again.status_code == 422
        assert again.get_json()["message"] == "the submission was taken down before"
        assert "taken down" in str(again.get_json()["errors"]["conversation"])


def test_a_contributor_withdraws_everything(client: FlaskClient, services: Services) -> None:
    assert client.delete("/v1/me").status_code == 401
    assert client.delete("/v1/me", headers=bearer("anonymous")).status_code == 403
    assert client.delete("/v1/me", headers=bearer(OWNER)).status_code == 404
    mine = [send(client, text, OWNER) for text in ("one", "two")]
    services.jobs.committer().drain()
    mine.append(send(client, "three", submitter_id=OWNER))
    send(client, "a stranger's", STRANGER)
    answer = client.delete("/v1/me", headers=bearer(OWNER))
    assert answer.status_code == 202
    assert answer.get_json()["kind"] == "contributor"
    assert services.access.hidden.ids().to_pylist() == mine
    assert client.delete("/v1/me", headers=bearer(OWNER)).get_json() == answer.get_json()
    # What is taken down with all isn't asked for a second time.
    one = client.delete(f"{CONTRIBUTIONS}/{mine[0]}", headers=bearer(OWNER)).get_json()
    assert one["takedown_id"] == answer.get_json()["takedown_id"]


@pytest.mark.slow
def test_who_has_no_owner_is_withdrawn_by_nobody(client: FlaskClient, services: Services) -> None:
    anonymous = send(client, "anonymous")
    guessable = send(client, "guessable", submitter_id="ada")
    services.jobs.committer().drain()
    rows = client.get(CONTRIBUTIONS).get_json()["contributions"]
    known = {row[name] for row in rows for name in ("contributor_id", "conversation_id")}
    for contribution_id in (anonymous, guessable):
        for key in {*known, UNGUESSABLE, OWNER} - {None}:
            answer = client.delete(f"{CONTRIBUTIONS}/{contribution_id}", headers=bearer(key))
            assert answer.status_code == 404, key
    for contribution_id in (make_contribution_id(), str(UUID(int=2**128 - 1)), str(UUID(int=0))):
        path = f"{CONTRIBUTIONS}/{contribution_id}"
        assert client.delete(path, headers=bearer(OWNER)).status_code == 404


# Moderators.


@pytest.fixture
def key_of(services: Services) -> Callable[[str], str]:
    """Makes API keys by their role."""
    return lambda role: services.access.keys.create(f"{role}-desk", role)  # type: ignore[arg-type]


def test_only_keys_that_moderate_take_down(
    client: FlaskClient, services: Services, key_of: Callable[[str], str]
) -> None:
    sent = [send(client, "one", OWNER), send(client, "two", STRANGER)]
    services.jobs.committer().drain()
    asked = {"kind": "contribution", "ids": sent[:1], "reason": "an address"}
    assert client.post(TAKEDOWNS, json=asked).status_code == 401
    for role in ("ingest", "read"):
        answer = client.post(TAKEDOWNS, json=asked, headers=bearer(key_of(role)))
        assert answer.status_code == 403
    assert client.post(TAKEDOWNS, json=asked, headers=bearer(OWNER)).status_code == 401
    assert services.access.hidden.ids().to_pylist() == []
    answer = client.post(TAKEDOWNS, json=asked, headers=bearer(key_of("moderate")))
    assert answer.status_code == 202
    assert answer.headers["Cache-Control"] == "private, no-cache"
    (takedown,) = answer.get_json()["takedowns"]
    assert services.access.hidden.ids().to_pylist() == sent[:1]
    recorded = services.access.takedowns.find(takedown["takedown_id"])
    assert recorded is not None
    assert (recorded.reason, recorded.requested_by) == ("an address", "moderate-desk")

    operate = bearer(key_of("operate"))
    asked = {**asked, "kind": "contributor", "ids": [services.access.ids.contributor_id(STRANGER)]}
    assert client.post(TAKEDOWNS, json=asked, headers=operate).status_code == 202
    assert services.access.hidden.ids().to_pylist() == sent


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "lake"}, "kind"),
        ({"kind": None}, "kind"),
        ({"ids": []}, "ids"),
        ({"ids": "x"}, "ids"),
        ({"ids": [1]}, "ids"),
        ({"ids": [""]}, "ids"),
        ({"ids": ["x" * 65]}, "ids"),
        ({"ids": ["a", "a"]}, "ids"),
        ({"ids": ["a\0"]}, "ids"),
        ({"ids": [str(each) for each in range(1001)]}, "ids"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": None}, "reason"),
        ({"why": "x"}, "why"),
    ],
)
def test_a_wrong_request_names_the_field(
    client: FlaskClient, key_of: Callable[[str], str], change: dict[str, Any], field: str
) -> None:
    asked = {"kind": "contribution", "ids": [make_contribution_id()], "reason": "x", **change}
    answer = client.post(TAKEDOWNS, json=asked, headers=bearer(key_of("moderate")))
    assert answer.status_code == 422
    assert list(answer.get_json()["errors"]) == [field]


def test_nothing_is_taken_down_when_an_id_is_unknown(
    client: FlaskClient, services: Services, key_of: Callable[[str], str]
) -> None:
    sent = send(client, "one", OWNER)
    headers = bearer(key_of("moderate"))
    for unknown in (make_contribution_id(), "x", str(UUID(int=2**128 - 1))):
        asked = {"kind": "contribution", "ids": [sent, unknown], "reason": "x"}
        answer = client.post(TAKEDOWNS, json=asked, headers=headers)
        assert (answer.status_code, unknown in answer.get_json()["message"]) == (404, True)
    assert services.access.hidden.ids().to_pylist() == []
    assert client.post(TAKEDOWNS, data=b"{", headers=headers).status_code in {400, 415}


def test_the_state_is_told_to_who_asked_and_to_moderators(
    client: FlaskClient, services: Services, key_of: Callable[[str], str]
) -> None:
    mine = send(client, "one", OWNER)
    path = f"{TAKEDOWNS}/{client.delete('/v1/me', headers=bearer(OWNER)).get_json()['takedown_id']}"
    assert client.get(path).status_code == 401
    for key, status in [(STRANGER, 404), ("ada", 403), (key_of("read"), 422), (OWNER, 200)]:
        assert client.get(path, headers=bearer(key)).status_code == status
    services.access.takedowns.finish(services.access.takedowns.unfinished())
    shown = client.get(path, headers=bearer(key_of("moderate"))).get_json()
    assert shown["state"] == "erased"
    assert shown["erased_at"] >= shown["requested_at"]
    for absent in (0, 99, 2**80):
        answer = client.get(f"{TAKEDOWNS}/{absent}", headers=bearer(OWNER))
        assert answer.status_code == 404
    assert mine not in services.access.hidden.ids().to_pylist()


# The feed.


def test_the_feed_has_ids_and_times_in_order_and_nothing_else(
    client: FlaskClient, services: Services
) -> None:
    assert client.get(TAKEDOWNS).get_json() == {
        "taken_down": [],
        "next_cursor": str(FeedCursor(FeedPosition())),
        "more": False,
    }
    ids = [make_contribution_id(number=number) for number in (5, 3, 4, 1, 2)]
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    record(services, *ids[:3], at=noon)
    record(services, *ids[3:], at=noon + timedelta(hours=1))
    expected = [*sorted(ids[:3]), *sorted(ids[3:])]
    seen: list[dict[str, Any]] = []
    path = f"{TAKEDOWNS}?limit=2"
    more = True
    while more:
        page = client.get(path).get_json()
        assert page.keys() == {"taken_down", "next_cursor", "more"}
        seen += page["taken_down"]
        more, cursor = page["more"], page["next_cursor"]
        path = f"{TAKEDOWNS}?limit=2&cursor={cursor}"
    assert [entry["contribution_id"] for entry in seen] == expected
    assert {tuple(entry) for entry in seen} == {("contribution_id", "taken_down_at")}
    assert seen[0]["taken_down_at"] == noon.isoformat()
    # Later, only what is new.
    assert client.get(path).get_json()["taken_down"] == []
    record(services, later := make_contribution_id())
    assert [each["contribution_id"] for each in client.get(path).get_json()["taken_down"]] == [
        later
    ]
    text = client.get(TAKEDOWNS).text
    assert not any(word in text for word in ("private", "desk", "hash", "kind"))


def test_the_feed_begins_at_a_time(client: FlaskClient, services: Services) -> None:
    ids = [make_contribution_id(number=number) for number in range(3)]
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    for hour, each in enumerate(ids):
        record(services, each, at=noon + timedelta(hours=hour))

    def since(moment: str) -> list[str]:
        page = client.get(TAKEDOWNS, query_string={"since": moment}).get_json()
        return [entry["contribution_id"] for entry in page["taken_down"]]

    assert since("2026-11-29T11:00:00Z") == ids
    assert since("2026-11-29T13:00:00") == ids[1:]
    assert since("2026-11-29T13:00:01+00:00") == ids[2:]
    assert since("2026-11-30T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("since=yesterday", 422, "since"),
        ("since=9999-12-31T23:59:59-12:00", 422, "since"),
        ("cursor=x", 422, "cursor"),
        ("cursor=MTox", 422, "cursor"),
        ("cursor=eDo=", 422, "cursor"),
        ("limit=0", 422, "limit"),
        ("limit=100000000", 422, "limit"),
        ("kind=contribution", 422, "kind"),
        (f"cursor={FeedCursor(FeedPosition(7))}", 404, None),
    ],
)
def test_a_wrong_question_to_the_feed_is_refused(
    shared_client: FlaskClient, query: str, status: int, field: str | None
) -> None:
    answer = shared_client.get(f"{TAKEDOWNS}?{query}")
    assert answer.status_code == status
    assert list(answer.get_json()["errors"]) == ([field] if field else [])


# Mirrors.


class Mirror:
    """A reader that follows the lake by `/v1/changes` alone."""

    def __init__(self, client: FlaskClient, cursor: str | None = None) -> None:
        self._client = client
        self._cursor = cursor
        self.ids: set[str] = set()

    def follow(self) -> None:
        """Read all that is new."""
        more = True
        while more:
            query: dict[str, Any] = {"limit": 2}
            if self._cursor:
                query["cursor"] = self._cursor
            answer = self._client.get(CHANGES, query_string=query)
            assert answer.status_code == 200, answer.text
            page = answer.get_json()
            self.ids |= {row["contribution_id"] for row in page["contributions"]}
            self.ids -= set(page["taken_down"])
            more, self._cursor = page["more"], page["next_cursor"]
            assert ("Link" in answer.headers) == more


@pytest.mark.slow
@pytest.mark.both
def test_a_mirror_deletes_what_was_taken_down(client: FlaskClient, services: Services) -> None:
    rows = [make_received(day) for day in range(7)]
    ids = [row.contribution_id for row in rows]
    old = record(services, make_contribution_id(day=0))
    commit_batch(services, *rows[:5])
    mirror, late = Mirror(client), Mirror(client)
    mirror.follow()
    assert mirror.ids == set(ids[:5])
    record(services, *ids[1:4])
    commit_batch(services, *rows[5:])
    mirror.follow()
    assert mirror.ids == {ids[0], *ids[4:]}
    record(services, ids[6])
    mirror.follow()
    assert mirror.ids == {ids[0], *ids[4:6]}
    # Who begins now isn't told of what is gone already.
    answer = client.get(CHANGES).get_json()
    assert answer["taken_down"] == []
    late.follow()
    assert old < services.access.taken_down.newest_takedown_id()


@pytest.mark.slow
@pytest.mark.both
def test_a_mirror_gets_what_moderators_show_again(client: FlaskClient, services: Services) -> None:
    banned = services.access.ids.contributor_id(STRANGER)
    for text in ("seen", "quarantined"):
        send(client, text, OWNER)
    services.jobs.committer().drain()
    send(client, "of a banned contributor", STRANGER)
    services.access.bans.ban([banned], actor="desk", reason=None)
    services.jobs.committer().drain()
    rows = services.reading.snapshots.table().scan().to_arrow()
    seen, quarantined, of_banned = sorted(rows[ID].to_pylist())
    mirror = Mirror(client)
    mirror.follow()
    assert mirror.ids == {seen, quarantined}
    mirror.ids.remove(quarantined)
    services.moderation.service.put_into_quarantine([quarantined], "desk", None)
    mirror.follow()
    assert mirror.ids == {seen}
    services.reading.quarantine.approve(quarantined, "desk", None)
    services.access.bans.lift([banned], actor="desk", reason=None)
    services.access.banned_contributions.update()
    mirror.follow()
    assert mirror.ids == {seen, quarantined, of_banned}


def test_a_cursor_of_an_earlier_version_goes_on_and_learns_of_every_takedown(
    client: FlaskClient, services: Services
) -> None:
    rows = [make_received(day) for day in range(2)]
    snapshot = commit_batch(services, *rows)
    record(services, rows[0].contribution_id)
    new = ChangesCursor.parse(client.get(CHANGES).get_json()["next_cursor"])
    old = ChangesCursor(snapshot.snapshot_id, new.position)
    text = _without_feed(str(old))
    assert ChangesCursor.parse(text) == old
    page = client.get(CHANGES, query_string={"cursor": text}).get_json()
    assert (page["contributions"], page["taken_down"]) == ([], [rows[0].contribution_id])


def _without_feed(cursor: str) -> str:
    parts = urlsafe_b64decode(cursor).decode().split(":")
    return urlsafe_b64encode(":".join(parts[:3]).encode()).decode()


def test_who_begins_at_a_snapshot_learns_of_takedowns_since(
    client: FlaskClient, services: Services
) -> None:
    rows = [make_received(day) for day in range(3)]
    early = make_contribution_id(day=0)
    record(services, early, at=datetime(2026, 1, 1, tzinfo=UTC))
    snapshot = commit_batch(services, *rows)
    record(services, rows[0].contribution_id, at=snapshot.committed_at + timedelta(seconds=1))
    page = client.get(CHANGES, query_string={"since": str(snapshot.snapshot_id)}).get_json()
    assert page["taken_down"] == [rows[0].contribution_id]


def test_other_forms_leave_the_takedowns_to_the_next_answer_in_json(
    client: FlaskClient, services: Services
) -> None:
    rows = [make_received(day) for day in range(2)]
    commit_batch(services, *rows)
    first = client.get(CHANGES).get_json()["next_cursor"]
    record(services, rows[0].contribution_id)
    lines = client.get(
        CHANGES, query_string={"cursor": first}, headers={"Accept": "application/x-ndjson"}
    )
    assert "Link" not in lines.headers
    assert [json.loads(line) for line in lines.text.splitlines()] == []
    cursor = lines.headers["Chatlake-Cursor"]
    page = client.get(CHANGES, query_string={"cursor": cursor}).get_json()
    assert page["taken_down"] == [rows[0].contribution_id]
