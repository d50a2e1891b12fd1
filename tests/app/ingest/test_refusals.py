"""Refusing what was taken down, and those who are banned, by every way into the journal."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from app.access.credentials import NO_CREDENTIALS, Credentials
from app.access.takedowns.contributions import KnownBy
from app.access.takedowns.records import TakenDown, requester
from app.ingest.errors import ContributorBanned, TakenDownBefore
from app.ingest.intake import Intake, Receipt
from app.ingest.refusals import Refusals
from app.ingest.uploads.options import UploadOptions
from app.services import Services
from catalog.errors import LakeError
from catalog.records import Contribution
from catalog.table import load_table
from tests.factories import UNGUESSABLE, make_contribution, make_submission, make_turns

KEY = "clc_" + "aB3dE5gH7jK" * 3 + "aB3dE5gH7j"
OTHER_TEXT = "another text"
API_KEY_ID = "0123456789abcdef"
SENDERS: dict[str, tuple[Credentials, dict[str, str]]] = {
    "the owner": (NO_CREDENTIALS, {"submitter_id": KEY}),
    "the owner, in a new conversation": (Credentials(KEY), {"ingest_id": "another chat"}),
    "another contributor": (NO_CREDENTIALS, {"submitter_id": UNGUESSABLE}),
    "a name that can be guessed": (NO_CREDENTIALS, {"submitter_id": "ada"}),
    "nobody": (NO_CREDENTIALS, {}),
    "nobody, with an id": (NO_CREDENTIALS, {"ingest_id": UNGUESSABLE}),
    "a contributor of an API key": (Credentials(None, API_KEY_ID), {"submitter_id": "ada"}),
    "the same one of another key": (Credentials(None, "f" * 16), {"submitter_id": "ada"}),
    "the owner, by an API key": (Credentials(None, API_KEY_ID), {"submitter_id": KEY}),
}
"""Who may send a text that was taken down: their credentials, and the ids in their submissions."""
REFUSED_FROM: dict[str, set[str]] = {
    "the owner": {"the owner", "the owner, in a new conversation"},
    "a contributor of an API key": {"a contributor of an API key"},
    "desk": set(SENDERS),
    "cli:root": set(SENDERS),
    "service:bans": set(SENDERS),
}
"""From whom it is refused, by who had it taken down: its owner, a moderator or the operator."""


def take_down(services: Services, *contributions: Contribution) -> None:
    """Record that contributions are taken down."""
    rows = [
        TakenDown(each.contribution_id, each.conversation_id, each.content_hash, 1)
        for each in contributions
    ]
    services.access.takedowns.record("contributor", "x", rows, reason=None, requested_by="test")
    forget(services.ingest.refusals)


def forget(known: Refusals) -> None:
    """Have a process ask the database, as it does after some seconds."""
    known._taken_down.forget()


def body(text: str, **fields: Any) -> bytes:
    return json.dumps(make_submission(text, **fields)).encode()


def submit_soon(intake: Intake, text: bytes) -> Receipt | BaseException:
    """Return what the quick way of the edge settles a submission with."""

    async def settled() -> Receipt | BaseException:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Receipt | BaseException] = loop.create_future()
        decoded = intake.decode_plain(text)
        assert decoded is not None
        intake.store_soon(decoded, result.set_result, loop)
        return await result

    return asyncio.run(settled())


def store(intake: Intake, text: bytes) -> Receipt | BaseException:
    decoded = intake.decode_plain(text)
    assert decoded is not None
    try:
        return asyncio.run(intake.store(decoded, is_awaited=False))
    except LakeError as error:
        return error


def submit(intake: Intake, text: bytes) -> Receipt | BaseException:
    try:
        return intake.submit(text)
    except LakeError as error:
        return error


WAYS: list[Callable[[Intake, bytes], Receipt | BaseException]] = [submit, submit_soon, store]


@pytest.mark.both
def test_what_was_taken_down_is_refused_by_every_way_of_single_submissions(
    services: Services,
) -> None:
    ids = {"submitter_id": KEY, "ingest_id": "chat-1"}
    first, again = body("text", **ids), body(OTHER_TEXT, **ids)
    assert isinstance(submit(services.ingest.intake, first), Receipt)
    known = services.access.ids.conversation_id(KEY, "chat-1")
    same_content = make_contribution(
        conversation=make_turns("text"), conversation_id=known, contribution_id=None
    )
    take_down(services, same_content)
    for way in WAYS:
        # A repetition within the idempotency window is refused too, by its content or its ids.
        for refused in (first, again, body("text")):
            assert isinstance(way(services.ingest.intake, refused), TakenDownBefore)
        assert isinstance(way(services.ingest.intake, body(f"fine {way.__name__}")), Receipt)
    assert services.ingest.journal.backlog().contributions == 1 + len(WAYS)


@pytest.mark.parametrize("more", [{}, {"labels": {"a": "b"}}], ids=["columns", "line by line"])
def test_refused_lines_of_an_upload_are_rejected_and_the_others_are_stored(
    services: Services, more: dict[str, Any]
) -> None:
    taken_down = make_contribution(conversation=make_turns("text"))
    take_down(services, taken_down)
    services.ingest.refusals._banned = lambda: {services.access.ids.contributor_id(UNGUESSABLE)}
    forget(services.ingest.refusals)
    lines = [
        body("fine", **more),
        body("text", **more),
        body("by a banned one", submitter_id=UNGUESSABLE, **more),
        body("unowned", submitter_id="ada", ingest_id="1", **more),
        body("text", submitter_id="ada", ingest_id="2", **more),
        b"{}",
    ]
    report = services.ingest.bulk_intake.submit([b"\n".join(lines)], UploadOptions()).report
    assert (report.accepted, report.rejected, report.unowned) == (2, 4, 2)
    assert [(error.line, error.message) for error in report.errors[:3]] == [
        (2, str(TakenDownBefore())),
        (3, str(ContributorBanned())),
        (5, str(TakenDownBefore())),
    ]
    services.jobs.committer().drain()
    found = services.reading.snapshots.table().scan().to_arrow()["conversation"].to_pylist()
    assert sorted(turns[0]["content"] for turns in found) == ["fine", "unowned"]


def who_asked(services: Services, taken_down_by: str) -> str:
    """Return what records call whoever has something taken down, a key of REFUSED_FROM."""
    if taken_down_by not in SENDERS:
        return taken_down_by
    (_, namespace), ids = SENDERS[taken_down_by]
    return requester(services.access.ids.contributor_id(ids["submitter_id"], namespace))


def take_down_text(services: Services, text: str, taken_down_by: str) -> None:
    """Record that a text is taken down, of a conversation that nobody sends again."""
    row = make_contribution(conversation=make_turns(text))
    rows = [TakenDown(row.contribution_id, row.conversation_id, row.content_hash, 1)]
    services.access.takedowns.record(
        "contribution",
        row.contribution_id,
        rows,
        reason=None,
        requested_by=who_asked(services, taken_down_by),
    )
    forget(services.ingest.refusals)


def senders_of_lines(services: Services, text: str) -> set[str]:
    """Return from whom a line with a text is taken, by columns and one by one."""
    taken = set()
    for name, (credentials, ids) in SENDERS.items():
        lines = b"\n".join((body(f"a fine one of {name}"), body(text, **ids)))
        options = UploadOptions(credentials=credentials)
        slow = lines.replace(b"}]}", b'}], "labels": {"a": "b"}}')
        reports = [
            services.ingest.bulk_intake.submit([each], options).report for each in (lines, slow)
        ]
        accepted = {report.accepted for report in reports}
        assert len(accepted) == 1, name
        if accepted == {2}:
            taken.add(name)
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("taken_down_by", REFUSED_FROM)
def test_an_owner_withdraws_a_text_for_themselves_and_a_moderator_for_everybody(
    services: Services, taken_down_by: str
) -> None:
    take_down_text(services, "text", taken_down_by)
    taken = set()
    for name, (credentials, ids) in SENDERS.items():
        with suppress(TakenDownBefore):
            services.ingest.intake.submit(body("text", **ids), credentials)
            taken.add(name)
    assert taken == set(SENDERS) - REFUSED_FROM[taken_down_by]
    assert senders_of_lines(services, "text") == taken


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize("taken_down_by", ["the owner", "desk"])
def test_what_others_had_sent_is_committed_after_an_owner_withdrew_the_same_text(
    services: Services, taken_down_by: str
) -> None:
    for credentials, ids in SENDERS.values():
        services.ingest.intake.submit(body("text", **ids), credentials)
        options = UploadOptions(credentials=credentials)
        services.ingest.bulk_intake.submit([body("up", **ids)], options)
    for text in ("text", "up"):
        take_down_text(services, text, taken_down_by)
    services.jobs.committer().drain()
    rows = load_table(services.catalog).scan().to_arrow()
    owner = services.access.ids.contributor_id(KEY)
    assert len(rows) == 2 * len(set(SENDERS) - REFUSED_FROM[taken_down_by])
    assert owner not in rows["contributor_id"].to_pylist()
    (snapshot,) = services.reading.snapshots.page(5, None)
    assert snapshot.total_rows == len(rows)


def test_a_text_that_was_withdrawn_and_then_taken_down_is_refused_from_everybody(
    services: Services,
) -> None:
    take_down_text(services, "text", "the owner")
    others = body("text", submitter_id=UNGUESSABLE)
    assert isinstance(submit(services.ingest.intake, others), Receipt)
    # A moderator takes the other copy down.
    take_down_text(services, "text", "desk")
    for way in WAYS:
        assert isinstance(way(services.ingest.intake, others), TakenDownBefore)


def test_a_banned_contributor_is_refused_until_they_are_not(services: Services) -> None:
    banned: set[str] = {services.access.ids.contributor_id(KEY)}
    services.ingest.refusals._banned = lambda: banned
    sent = body("text", submitter_id=KEY)
    for way in WAYS:
        assert isinstance(way(services.ingest.intake, sent), ContributorBanned)
        assert isinstance(way(services.ingest.intake, body(f"other {way.__name__}")), Receipt)
    with pytest.raises(ContributorBanned):
        services.ingest.intake.submit(body("text"), Credentials(KEY))
    banned.clear()
    assert isinstance(submit(services.ingest.intake, sent), Receipt)


def test_other_processes_refuse_it_after_a_moment(services: Services) -> None:
    now = [0.0]
    other = Refusals(services.access.taken_down)
    other._taken_down._clock = lambda: now[0]
    contribution = make_contribution("text")
    assert other.current().reason(contribution) is None
    take_down(services, contribution)
    now[0] = 1.9
    assert other.current().reason(contribution) is None
    now[0] = 2.1
    assert isinstance(other.current().reason(contribution), TakenDownBefore)


def test_only_what_is_new_is_read_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = services.access.taken_down.known_by

    def known_by(after: int) -> Iterator[KnownBy]:
        read.append(after)
        return original(after)

    monkeypatch.setattr(services.access.taken_down, "known_by", known_by)
    first, second = make_contribution("one"), make_contribution("two")
    take_down(services, first)
    services.ingest.refusals.current()
    take_down(services, second)
    refused = services.ingest.refusals.current()
    forget(services.ingest.refusals)
    assert services.ingest.refusals.current().taken_down is refused.taken_down
    assert read == [0, services.access.taken_down.newest_takedown_id() - 1]
    assert all(refused.reason(each) for each in (first, second))


@pytest.mark.both
def test_what_slipped_through_is_dropped_at_its_commit(services: Services) -> None:
    texts = ["one", "two", "three"]
    for text in texts:
        services.ingest.intake.submit(body(text))
    lines = b"\n".join(body(f"up {text}") for text in texts)
    services.ingest.bulk_intake.submit([lines], UploadOptions())
    services.ingest.bulk_intake.submit([body("up whole")], UploadOptions())
    taken_down = [make_contribution(conversation=make_turns(text)) for text in ("two", "up two")]
    take_down(services, *taken_down, make_contribution(conversation=make_turns("up whole")))
    services.jobs.committer().drain()
    table = load_table(services.catalog)
    found = [row[0]["content"] for row in table.scan().to_arrow()["conversation"].to_pylist()]
    assert sorted(found) == ["one", "three", "up one", "up three"]
    (snapshot,) = services.reading.snapshots.page(5, None)
    assert snapshot.total_rows == len(found)
    # The files that held what was dropped are gone.
    data = [file for file in services.settings.home.rglob("*.parquet") if "data" in file.parts]
    assert len(data) in {0, 2}


def test_a_killed_commit_leaves_no_file_with_what_it_dropped(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lines in ([body("one"), body("two")], [body("three")]):
        services.ingest.bulk_intake.submit([b"\n".join(lines)], UploadOptions())
    take_down(services, make_contribution(conversation=make_turns("two")))

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(services.ingest.claims, "settle", die)
        with pytest.raises(KeyboardInterrupt):
            services.jobs.committer().drain()
    services.jobs.committer().drain()
    found = load_table(services.catalog).scan().to_arrow()["conversation"].to_pylist()
    assert sorted(turns[0]["content"] for turns in found) == ["one", "three"]
    data = [file for file in services.settings.home.rglob("*.parquet") if "data" in file.parts]
    assert len(data) == 2


def test_a_batch_of_which_nothing_is_left_is_settled(services: Services) -> None:
    receipt = services.ingest.intake.submit(body("text"))
    services.ingest.bulk_intake.submit([body("up")], UploadOptions())
    take_down(
        services, *(make_contribution(conversation=make_turns(text)) for text in ("text", "up"))
    )
    services.jobs.committer().drain()
    assert services.ingest.journal.backlog().entries == 0
    snapshot = services.ingest.journal.snapshot_of(receipt)
    assert snapshot is not None
    assert (snapshot.added_rows, snapshot.total_rows) == (0, 0)
