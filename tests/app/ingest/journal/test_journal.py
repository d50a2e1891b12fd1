from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import SQLAlchemyError

from app.ingest.journal import journal as journal_module
from app.ingest.journal.entries import encode_contribution
from app.ingest.journal.idempotency import idempotency_key
from app.ingest.journal.journal import Backlog, Journal, _Item
from app.services import Services
from app.state.models import JournalEntry
from app.state.parts import in_parts
from catalog.records import Contribution
from tests.app.ingest.commits.test_claims import claimed_rows
from tests.app.ingest.polling import wait_until
from tests.factories import IDS, make_contribution, make_turns

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


def _named(submitter_id: str | None, ingest_id: str, *contents: str) -> Contribution:
    conversation_id = IDS.conversation_id(submitter_id, ingest_id)
    return make_contribution(*contents, conversation_id=conversation_id)


def _kept(services: Services) -> int | None:
    """Return how many contributions are in the journal, including committed ones."""
    with services.database.read() as connection:
        return connection.scalar(select(func.coalesce(func.sum(JournalEntry.contributions), 0)))


@pytest.fixture
def commits(services: Services) -> Iterator[list[Connection]]:
    """The transactions that are committed during the test."""
    seen: list[Connection] = []

    def record(connection: Connection) -> None:
        seen.append(connection)

    event.listen(services.database.engine, "commit", record)
    yield seen
    event.remove(services.database.engine, "commit", record)


# Appending.


@pytest.mark.both
def test_an_appended_contribution_is_pending_until_it_is_claimed(services: Services) -> None:
    contribution = make_contribution("one")
    receipt = services.ingest.journal.append(contribution)
    assert services.ingest.journal.backlog().entries == 1
    batch_id = services.ingest.claims.claim(max_rows=10, max_bytes=10**6)
    assert batch_id is not None
    assert claimed_rows(services.ingest.claims, batch_id) == [contribution]
    services.jobs.committer().commit(batch_id)
    assert services.ingest.journal.backlog().entries == 0
    snapshot = services.ingest.journal.snapshot_of(receipt)
    assert snapshot is not None
    assert snapshot.added_rows == 1


@pytest.mark.both
def test_a_receipt_names_the_contribution(services: Services) -> None:
    contribution = _named("ada", "i-1", "text")
    receipt = services.ingest.journal.append(contribution)
    assert receipt.contribution_id == contribution.contribution_id


@pytest.mark.both
def test_a_contribution_outlives_the_process_that_took_it(services: Services) -> None:
    contribution = make_contribution("one")
    services.ingest.journal.append(contribution)
    services.database.dispose()
    later = Services(services.settings)
    batch_id = later.ingest.claims.claim(10, 10**6)
    assert batch_id is not None
    assert claimed_rows(later.ingest.claims, batch_id) == [contribution]
    later.database.dispose()


@pytest.mark.both
def test_the_backlog_counts_unsettled_entries(services: Services) -> None:
    assert services.ingest.journal.backlog() == Backlog(0, 0, 0, 0)
    services.ingest.journal.append(make_contribution("x" * 1_000))
    one = services.ingest.journal.backlog()
    assert one.entries == 1
    assert one.payload_bytes > 1_000
    services.ingest.journal.append(make_contribution("y" * 1_000))
    assert services.ingest.journal.backlog() == Backlog(2, 2, 2 * one.payload_bytes, 0)
    batch_id = services.ingest.claims.claim(1, 10**6)
    assert services.ingest.journal.backlog().entries == 2
    assert batch_id is not None
    services.jobs.committer().commit(batch_id)
    assert services.ingest.journal.backlog() == one


@pytest.mark.both
def test_a_contribution_has_no_snapshot_before_its_batch_is_settled(services: Services) -> None:
    receipt = services.ingest.journal.append(make_contribution())
    assert services.ingest.journal.snapshot_of(receipt) is None
    services.ingest.claims.claim(10, 10**6)
    assert services.ingest.journal.snapshot_of(receipt) is None
    services.jobs.committer().drain()
    assert services.ingest.journal.snapshot_of(receipt) is not None


@pytest.mark.both
def test_checking_leaves_nothing_behind(services: Services) -> None:
    services.ingest.journal.append(make_contribution())
    services.ingest.journal.check()
    assert _kept(services) == 1
    assert services.ingest.journal.backlog().entries == 1


def test_checking_fails_when_nothing_can_be_written(services: Services) -> None:
    with services.database.write() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(SQLAlchemyError):
        services.ingest.journal.check()
    with pytest.raises(SQLAlchemyError):
        services.ingest.journal.append(make_contribution())
    services.database.dispose()
    services.ingest.journal.check()


@pytest.mark.both
def test_the_snapshots_of_many_entries_come_by_one_query(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts = [services.ingest.journal.append(make_contribution(str(i))) for i in range(3)]
    ids = [receipt.entry_id for receipt in receipts]
    assert services.ingest.journal.snapshots_of(ids) == {}
    batch_id = services.ingest.claims.claim(max_rows=2, max_bytes=10**6)
    assert batch_id is not None
    services.jobs.committer().commit(batch_id)
    snapshots = services.ingest.journal.snapshots_of([*ids, 999])
    assert snapshots == dict.fromkeys(ids[:2], services.ingest.journal.snapshot_of(receipts[0]))
    services.jobs.committer().drain()
    monkeypatch.setattr(journal_module, "in_parts", partial(in_parts, size=2))
    assert services.ingest.journal.snapshots_of([*ids, 999]).keys() == set(ids)
    assert services.ingest.journal.snapshots_of([]) == {}


# Who waits.


def _awaited(services: Services) -> int:
    return services.ingest.journal.backlog().awaited_entries


@pytest.mark.both
def test_an_entry_is_awaited_if_a_client_waits_for_it(services: Services) -> None:
    services.ingest.journal.append(make_contribution())
    assert _awaited(services) == 0
    services.ingest.journal.append(make_contribution(), is_awaited=True)
    assert _awaited(services) == 1
    services.jobs.committer().drain()
    assert _awaited(services) == 0


@pytest.mark.both
def test_an_entry_is_awaited_if_one_of_its_group_is(services: Services) -> None:
    made = make_contribution()
    services.ingest.journal._write_group(
        [_Item(made, None, None, encode_contribution(made), each) for each in (False, True, False)]
    )
    backlog = services.ingest.journal.backlog()
    assert (backlog.entries, backlog.contributions, backlog.awaited_entries) == (1, 3, 1)


@pytest.mark.both
def test_who_repeats_a_pending_contribution_and_waits_makes_it_awaited(
    services: Services,
) -> None:
    services.ingest.journal.append(_named("ada", "i-1", "text"))
    services.ingest.journal.append(_named("ada", "i-1", "text"))
    assert _awaited(services) == 0
    services.ingest.journal.append(_named("ada", "i-1", "text"), is_awaited=True)
    assert services.ingest.journal.backlog().entries == _awaited(services) == 1
    services.jobs.committer().drain()
    services.ingest.journal.append(_named("ada", "i-1", "text"), is_awaited=True)
    assert _awaited(services) == 0


# Idempotency.


@pytest.mark.both
def test_the_same_sent_twice_is_stored_once_and_has_the_first_ones_id(services: Services) -> None:
    first = services.ingest.journal.append(_named("ada", "i-1", "text"))
    second = services.ingest.journal.append(_named("ada", "i-1", "text"))
    assert second == first
    assert _kept(services) == 1


@pytest.mark.both
@pytest.mark.parametrize("when", ["claimed", "committed"])
def test_a_repetition_is_recognised_whatever_became_of_the_first(
    services: Services, when: str
) -> None:
    first = services.ingest.journal.append(_named("ada", "i-1", "text"))
    services.ingest.claims.claim(10, 10**6)
    if when == "committed":
        services.jobs.committer().drain()
    assert services.ingest.journal.append(_named("ada", "i-1", "text")) == first
    services.jobs.committer().drain()
    assert _kept(services) == 1
    snapshot = services.ingest.journal.snapshot_of(first)
    assert snapshot is not None
    assert snapshot.total_rows == 1


@pytest.mark.both
@pytest.mark.parametrize(
    "other",
    [
        _named("ada", "i-1", "other text"),
        _named("ada", "i-2", "text"),
        _named("bob", "i-1", "text"),
        _named(None, "i-1", "text"),
        _named("", "i-1", "text"),
    ],
    ids=["content", "ingest_id", "submitter", "anonymous", "empty name"],
)
def test_submissions_that_differ_in_any_part_are_distinct(
    services: Services, other: Contribution
) -> None:
    first = services.ingest.journal.append(_named("ada", "i-1", "text"))
    assert services.ingest.journal.append(other).contribution_id != first.contribution_id
    assert _kept(services) == 2


@pytest.mark.both
def test_an_anonymous_contributor_differs_from_one_without_a_name(services: Services) -> None:
    receipts = {
        services.ingest.journal.append(_named(submitter_id, "i-1", "text")).contribution_id
        for submitter_id in (None, "", None, "")
    }
    assert len(receipts) == _kept(services) == 2


@pytest.mark.both
def test_an_anonymous_contribution_that_is_repeated_is_recognised(services: Services) -> None:
    first = services.ingest.journal.append(_named(None, "i-1", "text"))
    assert services.ingest.journal.append(_named(None, "i-1", "text")) == first


def test_a_repetition_under_ids_that_own_nothing_is_recognised(services: Services) -> None:
    first = services.ingest.journal.append(make_contribution("text"), "guessed")
    assert services.ingest.journal.append(make_contribution("text"), "guessed") == first
    assert services.ingest.journal.append(make_contribution("text"), "another") != first
    assert services.ingest.journal.append(make_contribution("other text"), "guessed") != first


@pytest.mark.both
def test_a_field_outside_the_conversation_makes_no_new_version(services: Services) -> None:
    contribution = _named("ada", "i-1", "text")
    first = services.ingest.journal.append(contribution)
    again = replace(_named("ada", "i-1", "text"), source="elsewhere", agent_id="other")
    assert services.ingest.journal.append(again) == first


@pytest.mark.slow
@pytest.mark.both
@given(st.lists(st.tuples(st.none() | _TEXT, _TEXT, _TEXT), min_size=2, max_size=2, unique=True))
def test_no_two_identities_have_one_key(identities: list[tuple[str | None, str, str]]) -> None:
    first, second = (
        idempotency_key(
            replace(
                make_contribution(),
                conversation_id=IDS.conversation_id(submitter, ingest),
                content_hash=has,
            )
        )
        for submitter, ingest, has in identities
    )
    assert first != second
    assert None not in (first, second)


@pytest.mark.both
def test_the_same_sent_at_once_is_stored_once_and_all_get_one_id(services: Services) -> None:
    sent = [_named("ada", "i-1", "text") for _ in range(64)]
    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(services.ingest.journal.append, sent))
    assert len(set(receipts)) == 1
    assert receipts[0].contribution_id in {contribution.contribution_id for contribution in sent}
    assert _kept(services) == 1


@pytest.mark.both
def test_the_same_sent_at_once_to_two_processes_is_stored_once(services: Services) -> None:
    others = [Services(services.settings) for _ in range(2)]
    sent = [_named("ada", "i-1", "text") for _ in range(64)]
    with ThreadPoolExecutor(16) as pool:
        journals = [others[i % 2].ingest.journal for i in range(len(sent))]
        receipts = list(pool.map(Journal.append, journals, sent))
    assert len(set(receipts)) == 1
    assert _kept(services) == 1
    for other in others:
        other.database.dispose()


# Not on PostgreSQL, where writers don't wait for each other.
def test_the_same_within_one_group_is_stored_once_and_all_get_one_id(
    services: Services, commits: list[Connection]
) -> None:
    different = make_turns("different")
    sent = [_named("ada", "i-1", "text") for _ in range(8)]
    sent += [make_contribution(conversation=different) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        with services.database.write():
            # The group is taken once this transaction has ended.
            appends = services.ingest.journal.appends
            futures = [
                pool.submit(services.ingest.journal.append, contribution) for contribution in sent
            ]
            wait_until(lambda: appends._gathered.qsize() == len(sent) - 1, "all to join")
            commits.clear()
        receipts = [future.result(20) for future in futures]
    assert len(set(receipts[:8])) == 1
    assert receipts[0].contribution_id in {
        contribution.contribution_id for contribution in sent[:8]
    }
    assert [receipt.contribution_id for receipt in receipts[8:]] == [
        contribution.contribution_id for contribution in sent[8:]
    ]
    assert _kept(services) == 1 + 4
    # This test's own, and one for the twelve.
    assert len(commits) == 2
