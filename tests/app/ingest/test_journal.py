from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, delete, event, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from app.ingest import journal as journal_module
from app.ingest.idempotency import idempotency_key
from app.ingest.journal import Journal
from app.services import Services
from app.state import ledger
from app.state.models import JournalEntry
from catalog.records import Contribution, Turn
from catalog.table import load_table
from tests.app.ingest.polling import wait_until
from tests.app.ingest.test_group_commit import waiting
from tests.factories import make_contribution, make_turns

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_TURNS = st.lists(
    st.builds(
        Turn,
        content=_TEXT,
        role=st.none() | _TEXT,
        rating=st.sampled_from([None, "positive", "negative"]),
        stopped=st.booleans(),
        edited_content=st.none() | _TEXT,
    ),
    min_size=1,
    max_size=4,
).map(tuple)


def _named(submitter_id: str | None, ingest_id: str, *contents: str) -> Contribution:
    return make_contribution(*contents, submitter_id=submitter_id, ingest_id=ingest_id)


def _kept(services: Services) -> int | None:
    """Return how many contributions the journal has, committed ones included."""
    with services.database.read() as connection:
        return connection.scalar(select(func.coalesce(func.sum(JournalEntry.contributions), 0)))


@pytest.fixture
def commits(services: Services) -> Iterator[list[Connection]]:
    """The transactions that were committed since."""
    seen: list[Connection] = []

    def record(connection: Connection) -> None:
        seen.append(connection)

    event.listen(services.database._engine, "commit", record)
    yield seen
    event.remove(services.database._engine, "commit", record)


# Appending, claiming and settling.


@pytest.mark.both
def test_an_appended_contribution_is_pending_until_it_is_claimed(services: Services) -> None:
    contribution = make_contribution("one")
    receipt = services.journal.append(contribution)
    assert services.journal.backlog().entries == 1
    batch_id = services.journal.claim(max_rows=10, max_bytes=10**6)
    assert batch_id is not None
    assert _rows(services.journal, batch_id) == [contribution]
    services.committer().commit(batch_id)
    assert services.journal.backlog().entries == 0
    snapshot = services.journal.snapshot_of(receipt)
    assert snapshot is not None
    assert snapshot.added_rows == 1


@pytest.mark.both
def test_a_receipt_names_the_contribution(services: Services) -> None:
    contribution = _named("ada", "i-1", "text")
    receipt = services.journal.append(contribution)
    assert receipt.ingest_id == "i-1"
    assert receipt.contribution_id == contribution.contribution_id


@pytest.mark.both
def test_a_contribution_outlives_the_process_that_took_it(services: Services) -> None:
    contribution = make_contribution("one")
    services.journal.append(contribution)
    services.database.dispose()
    later = Services(services.settings)
    batch_id = later.journal.claim(10, 10**6)
    assert batch_id is not None
    assert _rows(later.journal, batch_id) == [contribution]
    later.database.dispose()


@pytest.mark.both
@given(
    conversation=_TURNS,
    received_at=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001  # the bounds have no zone in hypothesis
    optional=st.fixed_dictionaries(
        {
            name: st.none() | _TEXT
            for name in (
                "source",
                "submitter_id",
                "attribution",
                "prompt_template",
                "chat_template",
            )
        }
    ),
)
def test_a_payload_holds_every_value_of_a_contribution(
    conversation: tuple[Turn, ...], received_at: datetime, optional: dict[str, Any]
) -> None:
    contribution = make_contribution(conversation=conversation, received_at=received_at, **optional)
    payload = journal_module._encode([contribution])
    assert journal_module._decode_rows(payload) == [contribution]


@pytest.mark.both
def test_pending_entries_are_claimed_oldest_first_within_rows(services: Services) -> None:
    sent = [make_contribution(str(i)) for i in range(5)]
    for contribution in sent:
        services.journal.append(contribution)
    batch_id = services.journal.claim(max_rows=3, max_bytes=10**6)
    assert batch_id is not None
    assert _rows(services.journal, batch_id) == sent[:3]


@pytest.mark.both
def test_pending_entries_are_claimed_within_bytes_but_at_least_one(services: Services) -> None:
    sent = [make_contribution("x" * 1_000) for _ in range(3)]
    for contribution in sent:
        services.journal.append(contribution)
    total = services.journal.backlog().payload_bytes
    committer = services.committer()
    for max_bytes, claimed in ((1, 1), (total, 2)):
        batch_id = services.journal.claim(max_rows=10, max_bytes=max_bytes)
        assert batch_id is not None
        assert len(_rows(services.journal, batch_id)) == claimed
        committer.commit(batch_id)


@pytest.mark.both
def test_the_backlog_is_what_is_not_settled(services: Services) -> None:
    assert services.journal.backlog() == journal_module.Backlog(0, 0, 0)
    services.journal.append(make_contribution("x" * 1_000))
    one = services.journal.backlog()
    assert one.entries == 1
    assert one.payload_bytes > 1_000
    services.journal.append(make_contribution("y" * 1_000))
    assert services.journal.backlog() == journal_module.Backlog(2, 2, 2 * one.payload_bytes)
    batch_id = services.journal.claim(1, 10**6)
    assert services.journal.backlog().entries == 2
    assert batch_id is not None
    services.committer().commit(batch_id)
    assert services.journal.backlog() == one


@pytest.mark.both
def test_nothing_pending_is_not_claimed(services: Services) -> None:
    assert services.journal.claim(10, 10**6) is None
    assert services.journal.open_claim() is None


@pytest.mark.both
def test_an_open_claim_is_returned_instead_of_a_second_one(services: Services) -> None:
    services.journal.append(make_contribution("one"))
    batch_id = services.journal.claim(10, 10**6)
    services.journal.append(make_contribution("two"))
    assert services.journal.claim(10, 10**6) == batch_id == services.journal.open_claim()
    assert batch_id is not None
    assert len(_rows(services.journal, batch_id)) == 1


@pytest.mark.both
def test_settling_again_changes_nothing(services: Services) -> None:
    receipt = services.journal.append(make_contribution("one"))
    services.committer().drain()
    snapshot = services.journal.snapshot_of(receipt)
    assert snapshot is not None
    services.journal.append(make_contribution("two"))
    open_claim = services.journal.claim(10, 10**6)
    with services.database.read() as connection:
        earlier = ledger.by_id(connection, snapshot.snapshot_id)
    assert earlier is not None
    assert earlier.batch_id is not None
    services.journal.settle(UUID(earlier.batch_id), earlier)
    assert services.journal.open_claim() == open_claim
    assert open_claim is not None
    assert len(_rows(services.journal, open_claim)) == 1


@pytest.mark.both
def test_a_contribution_has_no_snapshot_before_its_batch_is_settled(services: Services) -> None:
    receipt = services.journal.append(make_contribution())
    assert services.journal.snapshot_of(receipt) is None
    services.journal.claim(10, 10**6)
    assert services.journal.snapshot_of(receipt) is None
    services.committer().drain()
    assert services.journal.snapshot_of(receipt) is not None


@pytest.mark.both
def test_checking_leaves_nothing_behind(services: Services) -> None:
    services.journal.append(make_contribution())
    services.journal.check()
    assert _kept(services) == 1
    assert services.journal.backlog().entries == 1


def test_checking_fails_when_nothing_can_be_written(services: Services) -> None:
    with services.database.write() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(SQLAlchemyError):
        services.journal.check()
    with pytest.raises(SQLAlchemyError):
        services.journal.append(make_contribution())
    services.database.dispose()
    services.journal.check()


# Idempotency.


@pytest.mark.both
def test_the_same_sent_twice_is_stored_once_and_has_the_first_ones_id(services: Services) -> None:
    first = services.journal.append(_named("ada", "i-1", "text"))
    second = services.journal.append(_named("ada", "i-1", "text"))
    assert second == first
    assert _kept(services) == 1


@pytest.mark.both
@pytest.mark.parametrize("when", ["claimed", "committed"])
def test_a_repetition_is_recognised_whatever_became_of_the_first(
    services: Services, when: str
) -> None:
    first = services.journal.append(_named("ada", "i-1", "text"))
    services.journal.claim(10, 10**6)
    if when == "committed":
        services.committer().drain()
    assert services.journal.append(_named("ada", "i-1", "text")) == first
    services.committer().drain()
    assert _kept(services) == 1
    snapshot = services.journal.snapshot_of(first)
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
def test_what_differs_in_any_part_is_not_the_same(services: Services, other: Contribution) -> None:
    first = services.journal.append(_named("ada", "i-1", "text"))
    assert services.journal.append(other).contribution_id != first.contribution_id
    assert _kept(services) == 2


@pytest.mark.both
def test_an_anonymous_contributor_differs_from_one_without_a_name(services: Services) -> None:
    receipts = {
        services.journal.append(_named(submitter_id, "i-1", "text")).contribution_id
        for submitter_id in (None, "", None, "")
    }
    assert len(receipts) == _kept(services) == 2


@pytest.mark.both
def test_an_anonymous_contribution_that_is_repeated_is_recognised(services: Services) -> None:
    first = services.journal.append(_named(None, "i-1", "text"))
    assert services.journal.append(_named(None, "i-1", "text")) == first


@pytest.mark.both
def test_a_field_outside_the_conversation_makes_no_new_version(services: Services) -> None:
    contribution = _named("ada", "i-1", "text")
    first = services.journal.append(contribution)
    again = replace(_named("ada", "i-1", "text"), source="elsewhere", agent_id="other")
    assert services.journal.append(again) == first


@pytest.mark.both
@given(st.lists(st.tuples(st.none() | _TEXT, _TEXT, _TEXT), min_size=2, max_size=2, unique=True))
def test_no_two_identities_have_one_key(identities: list[tuple[str | None, str, str]]) -> None:
    first, second = (
        idempotency_key(
            replace(make_contribution(), submitter_id=submitter, ingest_id=ingest, content_hash=has)
        )
        for submitter, ingest, has in identities
    )
    assert first != second
    assert None not in (first, second)


@pytest.mark.both
def test_the_same_sent_at_once_is_stored_once_and_all_get_one_id(services: Services) -> None:
    sent = [_named("ada", "i-1", "text") for _ in range(64)]
    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(services.journal.append, sent))
    assert len(set(receipts)) == 1
    assert receipts[0].contribution_id in {each.contribution_id for each in sent}
    assert _kept(services) == 1


@pytest.mark.both
def test_the_same_sent_at_once_to_two_processes_is_stored_once(services: Services) -> None:
    others = [Services(services.settings) for _ in range(2)]
    sent = [_named("ada", "i-1", "text") for _ in range(64)]
    with ThreadPoolExecutor(16) as pool:
        journals = [others[i % 2].journal for i in range(len(sent))]
        receipts = list(pool.map(Journal.append, journals, sent))
    assert len(set(receipts)) == 1
    assert _kept(services) == 1
    for other in others:
        other.database.dispose()


# Only SQLite has writers wait for each other.
def test_the_same_within_one_group_is_stored_once_and_all_get_one_id(
    services: Services, commits: list[Connection]
) -> None:
    different = make_turns("different")
    sent = [_named("ada", "i-1", "text") for _ in range(8)]
    sent += [make_contribution(conversation=different) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        with services.database.write():
            # Its write waits for ours, and the others for it.
            leader = pool.submit(services.journal.append, make_contribution("leader"))
            grouped = services.journal._appends
            wait_until(lambda: grouped._writing.locked() and not waiting(grouped), "the leader")
            futures = [pool.submit(services.journal.append, each) for each in sent]
            wait_until(lambda: waiting(grouped) == len(sent), "the others to join")
            commits.clear()
        leader.result(20)
        receipts = [future.result(20) for future in futures]
    assert len(set(receipts[:8])) == 1
    assert receipts[0].contribution_id in {each.contribution_id for each in sent[:8]}
    assert [receipt.contribution_id for receipt in receipts[8:]] == [
        each.contribution_id for each in sent[8:]
    ]
    assert _kept(services) == 1 + 1 + 4
    # Ours, the leader's, and one for the twelve.
    assert len(commits) == 3


@pytest.mark.both
def test_a_claim_holds_what_it_saw_and_not_what_came_in_between(services: Services) -> None:
    """On PostgreSQL an id may become visible after a higher one was claimed."""
    sent = [make_contribution(str(i)) for i in range(3)]
    for contribution in sent:
        services.journal.append(contribution)
    late = _hide_entry(services, 2)
    batch_id = services.journal.claim(10, 10**6)
    _show_entry(services, late)
    assert batch_id is not None
    assert _rows(services.journal, batch_id) == [sent[0], sent[2]]
    services.committer().drain()
    rows = load_table(services.catalog).scan().to_arrow().to_pylist()
    assert sorted(row["contribution_id"] for row in rows) == sorted(
        contribution.contribution_id for contribution in sent
    )


def _hide_entry(services: Services, entry_id: int) -> dict[str, object]:
    with services.database.write() as connection:
        row = connection.execute(
            select(JournalEntry.__table__).where(JournalEntry.entry_id == entry_id)
        ).mappings()
        hidden = dict(row.one())
        connection.execute(delete(JournalEntry).where(JournalEntry.entry_id == entry_id))
    return hidden


def _show_entry(services: Services, row: dict[str, object]) -> None:
    with services.database.write() as connection:
        connection.execute(insert(JournalEntry).values(row))


def _rows(journal: Journal, batch_id: UUID) -> list[Contribution]:
    batch = journal.batch(batch_id)
    assert batch is not None
    assert batch.files == []
    return batch.rows
