"""What is taken down is hidden at once, and then in no file, while all else is as before."""

from dataclasses import replace
from pathlib import Path
from threading import Event
from uuid import UUID, uuid4

import pytest

from app.access.takedowns.records import TakedownKind, requester
from app.access.visibility.shown_again import NOTHING_SHOWN
from app.ingest.errors import TakenDownBefore
from app.ingest.journal.idempotency import find_holders, idempotency_key
from app.ingest.refusals import Refusals
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from app.settings import Settings
from app.takedown.errors import NothingToTakeDown, TakedownStopped
from app.takedown.service import TakedownService
from app.takedown.steps import Step
from app.takedown.verify.verification import verify
from app.takedown.waiting import Waiting
from catalog.records import Contribution
from catalog.schema import ID
from tests.app.takedown.lake import MARK, Lake, committing
from tests.factories import make_contribution, make_received
from tests.migrations.traces import files_with

ADA = {"contributor_id": "ada", "conversation_id": "chat"}


def take_down(services: Services, kind: TakedownKind, *names: str) -> None:
    services.takedown.service.request(kind, names, reason="asked", requested_by="test")
    with committing(services):
        services.takedown.service.run()


def ids_of(*contributions: Contribution) -> set[str]:
    return {each.contribution_id for each in contributions}


def assert_no_file_has(home: Path, *texts: str) -> None:
    assert files_with(home, list(texts)) == {}


@pytest.mark.slow
@pytest.mark.both
def test_a_contribution_goes_with_the_versions_that_it_superseded(lake: Lake) -> None:
    first, second, third = (make_received(0, f"{MARK} {n}", **ADA) for n in range(3))
    other = make_received(0, "stays")
    lake.commit(first, other)
    lake.commit_days(2)
    lake.commit(second)
    lake.commit(third)
    gone = ids_of(first, second)
    left = lake.rows(without=gone)
    view = lake.services.reading.snapshots.view(Reference())
    versions = lake.services.reading.versions.of(view, "chat")

    (takedown,) = lake.services.takedown.service.request(
        "contribution", [second.contribution_id], reason=None, requested_by="test"
    )
    assert set(lake.services.access.hidden.ids().to_pylist()) == gone
    (finished,) = lake.services.takedown.service.run()
    assert finished.takedown_id == takedown.takedown_id
    assert finished.erased_at is not None
    assert lake.services.access.hidden.ids().to_pylist() == []

    assert lake.rows() == left
    assert lake.counts() == [(1, 1), (3, 4), (3, 7), (0, 7), (1, 8)]
    # What was superseded stays so, though the version that did it is gone.
    view = lake.services.reading.snapshots.view(Reference())
    assert [
        (version.contribution_id, version.is_erased)
        for version in lake.services.reading.versions.of(view, "chat")
    ] == [(version.contribution_id, version.contribution_id in gone) for version in versions]


@pytest.mark.slow
def test_no_file_holds_the_text_afterwards(lake: Lake, settings: Settings) -> None:
    gone = make_received(0, MARK, title=f"{MARK} title")
    lake.commit(gone, make_received(0, "stays"))
    lake.hold(make_contribution(f"{MARK} waits", contributor_id="ada", conversation_id="c"))
    lake.hold_upload(
        make_contribution(f"{MARK} in a file", contributor_id="ada", conversation_id="d")
    )
    lake.services.jobs.committer().drain()
    lake.commit_days(1)
    # Nothing is left in the log of the database: each page is looked at as it is in the file.
    lake.services.database.checkpoint(0)
    assert files_with(settings.home, [MARK])
    take_down(lake.services, "contribution", gone.contribution_id)
    take_down(lake.services, "contributor", "ada")
    assert_no_file_has(settings.home, MARK, MARK[:12])
    lake.services.close()
    assert_no_file_has(settings.home, MARK, MARK[:12])


@pytest.mark.slow
@pytest.mark.both
def test_what_a_contributor_sent_is_erased_whether_it_is_committed_or_not(
    lake: Lake, settings: Settings
) -> None:
    committed = make_received(0, f"{MARK} committed", **ADA)
    lake.commit(committed, make_received(0, "stays", contributor_id="eve"))
    mine = {"contributor_id": "ada"}
    waiting = [make_contribution(f"{MARK} {n}", conversation_id=f"c{n}", **mine) for n in range(2)]
    theirs = make_contribution("stays, too", contributor_id="eve")
    for each in (*waiting, theirs):
        lake.hold(each)
    uploaded = make_contribution(f"{MARK} uploaded", conversation_id="c9", **mine)
    lake.hold_upload(uploaded, make_contribution("stays as well"))
    gone = ids_of(committed, *waiting, uploaded)
    left = lake.rows(without=gone)
    take_down(lake.services, "contributor", "ada")
    assert lake.services.access.taken_down.ids().to_pylist() == sorted(gone)
    assert lake.rows() == left
    view = lake.services.reading.snapshots.view(Reference())
    everything = Filters(all_versions=True)
    found = lake.services.reading.contributions.stream(view, everything, [ID, "contributor_id"])
    assert sorted(
        contributor or "" for batch in found for contributor in batch.column(1).to_pylist()
    ) == ["", "eve", "eve"]
    assert view.snapshot is not None
    assert (
        view.snapshot.total_rows == lake.services.reading.contributions.count(view, everything) == 3
    )
    if settings.warehouse.startswith("file:"):
        assert_no_file_has(settings.home, MARK)


@pytest.mark.slow
@pytest.mark.both
def test_every_version_of_a_conversation_is_erased(lake: Lake) -> None:
    versions = [make_received(day, f"{MARK} {day}", **ADA) for day in range(3)]
    for each in versions[:2]:
        lake.commit(each, make_received(0, "stays"))
    lake.hold(versions[2])
    take_down(lake.services, "conversation", "chat")
    assert lake.services.access.taken_down.ids().to_pylist() == sorted(ids_of(*versions))
    assert [len(rows) for rows in lake.rows()] == [1, 2]


def test_a_pending_contribution_goes_with_the_versions_before_it(lake: Lake) -> None:
    first, second, third = (make_received(day, str(day), **ADA) for day in range(3))
    lake.commit(first)
    lake.hold(second)
    lake.hold(third)
    lake.services.takedown.service.request(
        "contribution", [second.contribution_id], reason=None, requested_by="test"
    )
    named = lake.services.access.taken_down.ids().to_pylist()
    assert named == sorted(ids_of(first, second))


@pytest.mark.slow
@pytest.mark.both
def test_a_later_version_that_waits_stays_as_a_committed_one_does(lake: Lake) -> None:
    versions = [make_received(day, f"{day}", **ADA) for day in range(4)]
    lake.commit(versions[0])
    lake.hold(versions[1])
    lake.hold(versions[2])
    lake.hold_upload(versions[3], make_received(0))
    take_down(lake.services, "contribution", versions[1].contribution_id)
    view = lake.services.reading.snapshots.view(Reference())
    (chat,) = lake.services.reading.lineage.page(
        view, UUID(versions[3].contribution_id), 9, None
    ).versions[:1]
    assert chat.contribution_id == versions[2].contribution_id
    # What comes of the conversation from then on is refused, and it goes as a whole if it is to.
    with pytest.raises(TakenDownBefore):
        lake.services.ingest.journal.append(make_contribution("5", **ADA))
    lake.hold_upload(make_contribution("6", **ADA))
    take_down(lake.services, "conversation", "chat")
    left = lake.services.reading.snapshots.table().scan().to_arrow()
    assert left.num_rows == 1


def test_of_an_unknown_name_nothing_is_recorded(lake: Lake) -> None:
    known = make_received(0)
    lake.commit(known)
    unknown = str(uuid4())
    with pytest.raises(NothingToTakeDown) as caught:
        lake.services.takedown.service.request(
            "contribution",
            [known.contribution_id, unknown, "no id at all"],
            reason=None,
            requested_by="test",
        )
    assert caught.value.identifiers == (unknown, "no id at all")
    kinds: tuple[TakedownKind, ...] = ("conversation", "contributor")
    for kind in kinds:
        with pytest.raises(NothingToTakeDown):
            lake.services.takedown.service.request(
                kind, ["nobody"], reason=None, requested_by="test"
            )
    assert lake.services.access.takedowns.newest(1) == []


def test_in_an_empty_lake_nothing_is_found(lake: Lake) -> None:
    with pytest.raises(NothingToTakeDown):
        lake.services.takedown.service.request(
            "contributor", ["a"], reason=None, requested_by="test"
        )
    assert lake.services.takedown.service.run() == []


@pytest.mark.slow
def test_asking_again_records_nothing_new(lake: Lake) -> None:
    mine = make_received(0, **ADA)
    lake.commit(mine)
    request = lake.services.takedown.service.request
    kinds: dict[TakedownKind, str] = {
        "contribution": mine.contribution_id,
        "conversation": "chat",
        "contributor": "ada",
    }

    def ask() -> list[int]:
        made = [
            request(kind, [name, name], reason=None, requested_by="test")
            for kind, name in kinds.items()
        ]
        return [each.takedown_id for (each,) in made]

    asked = ask()
    assert ask() == asked
    lake.services.takedown.service.run()
    assert ask() == asked
    assert len(lake.services.access.takedowns.newest(10)) == len(asked)
    lake.commit(make_received(1, **ADA))
    (later,) = request("contributor", ["ada"], reason=None, requested_by="test")
    assert later.erased_at is None


@pytest.mark.slow
def test_a_step_that_fails_keeps_others_from_nothing(lake: Lake, settings: Settings) -> None:
    mine = make_received(0, MARK)
    lake.commit(mine, make_received(0))
    service = lake.services.takedown.service
    service.request("contribution", [mine.contribution_id], reason=None, requested_by="test")

    def fail(_ids: object) -> None:
        raise OSError("the bucket of releases is away")

    steps = service._steps
    service._steps = [
        replace(each, erase=fail) if each.name == "releases" else each for each in steps
    ]
    hold_back, service._hold_back = service._hold_back, [fail]
    with pytest.raises(OSError, match="away"):
        service.run()
    assert_no_file_has(settings.home, MARK)
    assert lake.services.access.hidden.ids().to_pylist() == [mine.contribution_id]
    service._steps, service._hold_back = steps, hold_back
    assert len(service.run()) == 1


@pytest.mark.slow
def test_a_stopped_run_goes_on_later(lake: Lake) -> None:
    lake.hold(make_contribution(MARK, contributor_id="ada"))
    lake.services.takedown.service.request("contributor", ["ada"], reason=None, requested_by="test")
    stop = Event()
    stop.set()
    with pytest.raises(TakedownStopped):
        lake.services.takedown.service.run(stop)
    assert len(lake.services.access.takedowns.unfinished()) == 1
    with committing(lake.services):
        assert len(lake.services.takedown.service.run()) == 1


def test_what_readers_wait_for_is_done_for_those_who_come_while_others_are_erased(
    lake: Lake,
) -> None:
    first, second = make_received(0, "q"), make_received(0, "r")
    lake.commit(first, second)
    services, waiting = lake.services, Waiting()
    taken: list[tuple[str, list[str]]] = []

    def request(made: Contribution) -> None:
        services.takedown.service.request(
            "contribution", [made.contribution_id], reason=None, requested_by="test"
        )

    def wait(_: object) -> None:
        request(second)
        for _ in range(2):
            waiting.meanwhile()

    steps = (
        Step(
            "published",
            lambda ids: taken.append(("published", ids.to_pylist())),
            is_waited_for=True,
        ),
        Step("old files", wait),
        Step("last", lambda ids: taken.append(("last", ids.to_pylist()))),
    )
    service = TakedownService(
        services.database,
        services.access.takedowns,
        services.access.taken_down,
        services.takedown.service._finder,
        steps,
        (),
        waiting,
    )
    request(first)
    assert len(service.run()) == 1
    ids = [[each.contribution_id] for each in (first, second)]
    assert taken == [("published", ids[0]), ("published", ids[1]), ("last", ids[0])]
    assert [each.identifier for each in services.access.takedowns.unfinished()] == ids[1]


@pytest.mark.slow
def test_a_submission_that_is_repeated_after_its_takedown_is_refused(lake: Lake) -> None:
    mine = make_contribution(MARK, **ADA)
    lake.hold(mine)
    again = make_contribution(MARK, **ADA)
    assert lake.services.ingest.journal.append(again).contribution_id == mine.contribution_id
    take_down(lake.services, "contributor", "ada")
    with lake.services.database.read() as connection:
        assert find_holders(connection, [idempotency_key(again) or b""]) == {}
    with pytest.raises(TakenDownBefore):
        lake.services.ingest.journal.append(again)


@pytest.mark.slow
@pytest.mark.both
def test_what_was_shown_again_before_leaves_no_id(lake: Lake, settings: Settings) -> None:
    made, services = make_received(0, MARK), lake.services
    name = made.contribution_id
    lake.commit(made)
    services.moderation.service.put_into_quarantine([name], "desk", None)
    services.reading.quarantine.approve(name, "desk", None)
    assert [each.last_id for each in services.access.shown.page(NOTHING_SHOWN, 10).positions] == [
        name
    ]
    take_down(services, "contribution", name)
    assert services.access.shown.page(NOTHING_SHOWN, 10).positions == []
    assert verify(settings, [UUID(name)]).findings == set()


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize("kind", ["contribution", "conversation", "contributor"])
def test_a_moderator_has_what_its_owner_withdrew_refused_from_everybody(
    lake: Lake, kind: TakedownKind
) -> None:
    services, gone = lake.services, make_received(0, MARK, **ADA)
    name = {"contribution": gone.contribution_id, "conversation": "chat", "contributor": "ada"}[
        kind
    ]
    lake.commit(gone, make_received(0, "stays"))
    owner, moderator = requester("ada"), "moderator"
    (withdrawn,) = services.takedown.service.request(kind, [name], reason=None, requested_by=owner)
    with committing(services):
        services.takedown.service.run()
    copy = make_contribution(MARK, contributor_id="bob", content_hash=gone.content_hash)
    assert services.ingest.refusals.current(0).reason(copy) is None
    (asked,) = services.takedown.service.request(kind, [name], reason=None, requested_by=moderator)
    assert asked.takedown_id > withdrawn.takedown_id
    assert isinstance(services.ingest.refusals.current(0).reason(copy), TakenDownBefore)
    assert isinstance(Refusals(services.access.taken_down).current(0).reason(copy), TakenDownBefore)
    assert services.takedown.service.request(kind, [name], reason=None, requested_by=moderator) == [
        asked
    ]
    assert services.takedown.service.request(kind, [name], reason=None, requested_by=owner) == [
        asked
    ]
    (finished,) = services.takedown.service.run()
    assert finished.takedown_id == asked.takedown_id
