from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy.exc import OperationalError

from app.ingest.commits import claims as claims_module
from app.ingest.commits import committer as committer_module
from app.ingest.commits.committer import Committer
from app.ingest.journal.idempotency import KeyHolder
from app.services import Services
from app.settings import Settings
from app.state import ledger
from catalog.errors import CommitConflict
from catalog.schema import TABLE_IDENTIFIER
from catalog.snapshots import Snapshot, live_snapshots
from catalog.table import load_table
from tests.app.ingest.polling import wait_until
from tests.app.ingest.process import Death, Process, die, lose_the_answer
from tests.factories import make_contribution

NEVER_S = 1e6


@pytest.fixture
def processes(services: Services) -> Iterator[Callable[[], Process]]:
    """Starts committers on the lake of `services`, each as in a process of its own."""
    started: list[Process] = []

    def start() -> Process:
        started.append(Process(services.settings))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture
def doomed(processes: Callable[[], Process]) -> Process:
    """A process that dies or fails at a moment that the test chooses."""
    return processes()


@pytest.fixture
def acknowledged(services: Services) -> list[KeyHolder]:
    """Receipts of what is journalled before any committer runs."""
    days = (datetime.now(UTC) + timedelta(days=day) for day in (0, 0, 1))
    contributions = [make_contribution(f"text {day}", received_at=day) for day in days]
    return [services.ingest.journal.append(contribution) for contribution in contributions]


def _rows_for_anyone(settings: Settings) -> list[str]:
    """Return the contribution_ids of all rows, read by pyiceberg without any code of ours."""
    places = {"uri": settings.catalog_uri, "warehouse": settings.warehouse}
    fresh = SqlCatalog("chatlake", **places, **settings.catalog_properties)
    rows = fresh.load_table(TABLE_IDENTIFIER).scan().to_arrow()
    fresh.engine.dispose()
    ids: list[str] = rows.column("contribution_id").to_pylist()
    assert len(rows.column("conversation").to_pylist()) == len(ids)
    return ids


def _ledger(services: Services) -> list[Snapshot]:
    with services.database.read() as connection:
        return ledger.page(connection, 1_000)


def _assert_in_the_lake_once(services: Services, acknowledged: Sequence[KeyHolder]) -> None:
    """Check that nothing is lost, doubled or half done, for the lake's readers and for ours."""
    rows = Counter(_rows_for_anyone(services.settings))
    assert rows == Counter(receipt.contribution_id for receipt in acknowledged)
    table = load_table(services.catalog)
    assert _ledger(services) == list(live_snapshots(table))
    assert all(snapshot.added_rows for snapshot in _ledger(services)), "an empty batch"
    assert sum(snapshot.added_rows for snapshot in _ledger(services)) == len(acknowledged)
    assert services.ingest.claims.open_claim() is None
    assert services.ingest.journal.backlog().entries == 0
    assert all(services.ingest.journal.snapshot_of(receipt) for receipt in acknowledged)


@pytest.fixture
def take_over(
    services: Services, acknowledged: list[KeyHolder], processes: Callable[[], Process]
) -> Callable[[], None]:
    """Makes a new committer go on after a death, and checks that all is in the lake once."""

    def go_on() -> None:
        committer = processes().committer
        while committer.step():
            pass
        _assert_in_the_lake_once(services, acknowledged)

    return go_on


# Deaths and lost answers in each step of the claim protocol, in order.


@pytest.mark.both
def test_death_before_the_claim_is_durable(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    doomed.database.before_commit = die
    with pytest.raises(Death):
        doomed.committer.step()
    assert services.ingest.claims.open_claim() is None
    assert services.ingest.journal.backlog().entries == 3
    take_over()


@pytest.mark.both
def test_a_claim_whose_success_was_hidden(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    doomed.database.after_commit = lose_the_answer
    with pytest.raises(OperationalError):
        doomed.committer.step()
    assert services.ingest.claims.open_claim() is not None
    take_over()


@pytest.mark.both
def test_death_after_the_claim_and_before_the_append(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    doomed.claims.before_reading = die
    with pytest.raises(Death):
        doomed.committer.step()
    assert services.ingest.claims.open_claim() is not None
    assert _rows_for_anyone(services.settings) == []
    take_over()


@pytest.mark.slow
def test_death_when_the_data_files_are_written_and_nothing_is_committed(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    doomed.catalog.before_commit = die
    with pytest.raises(Death):
        doomed.committer.step()
    assert len(list((services.settings.home / "warehouse").rglob("*.parquet"))) == 2
    assert _rows_for_anyone(services.settings) == []
    take_over()


@pytest.mark.both
def test_death_when_the_metadata_is_written_and_the_catalog_does_not_name_it(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    doomed.catalog.before_swap = die
    with pytest.raises(Death):
        doomed.committer.step()
    assert _rows_for_anyone(services.settings) == []
    take_over()


@pytest.mark.slow
@pytest.mark.both
def test_a_lake_commit_whose_success_was_hidden(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    doomed.catalog.after_commit = lose_the_answer
    with pytest.raises(OperationalError):
        doomed.committer.step()
    assert len(_rows_for_anyone(services.settings)) == 3
    assert _ledger(services) == []
    take_over()


@pytest.mark.slow
@pytest.mark.both
def test_death_after_the_lake_commit_and_before_it_is_settled(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    doomed.claims.before_settling = die
    with pytest.raises(Death):
        doomed.committer.step()
    assert len(_rows_for_anyone(services.settings)) == 3
    assert services.ingest.claims.open_claim() is not None
    take_over()


@pytest.mark.both
def test_death_while_the_claim_is_settled(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    def die_in_the_next_transaction() -> None:
        doomed.database.before_commit = die

    doomed.claims.before_settling = die_in_the_next_transaction
    with pytest.raises(Death):
        doomed.committer.step()
    assert services.ingest.claims.open_claim() is not None
    assert _ledger(services) == [], "the ledger is written with the claim's end, or not at all"
    take_over()


@pytest.mark.both
def test_a_settling_whose_success_was_hidden(
    doomed: Process, services: Services, take_over: Callable[[], None]
) -> None:
    def lose_the_next_answer() -> None:
        doomed.database.after_commit = lose_the_answer

    doomed.claims.before_settling = lose_the_next_answer
    with pytest.raises(OperationalError):
        doomed.committer.step()
    assert len(_ledger(services)) == 1
    assert services.ingest.claims.open_claim() is not None
    take_over()


@pytest.mark.both
def test_death_after_the_claim_was_settled(doomed: Process, take_over: Callable[[], None]) -> None:
    doomed.claims.after_settling = die
    with pytest.raises(Death):
        doomed.committer.step()
    take_over()


@pytest.mark.slow
@pytest.mark.both
def test_a_batch_is_committed_once_despite_kills_at_every_step(
    services: Services, acknowledged: list[KeyHolder], processes: Callable[[], Process]
) -> None:
    for part, seam in (
        ("database", "before_commit"),
        ("claims", "before_reading"),
        ("catalog", "before_commit"),
        ("catalog", "before_swap"),
        ("catalog", "after_commit"),
        ("claims", "before_settling"),
        ("claims", "after_settling"),
    ):
        process = processes()
        setattr(getattr(process, part), seam, die)
        with pytest.raises(Death):
            process.committer.step()
    _assert_in_the_lake_once(services, acknowledged)
    assert processes().committer.step() is False


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize("seam", ["before_reading", "before_settling"])
@pytest.mark.parametrize("start", [Committer.reconcile, Committer.drain])
def test_an_open_claim_is_taken_up_however_the_next_committer_starts(
    services: Services,
    acknowledged: list[KeyHolder],
    processes: Callable[[], Process],
    seam: str,
    start: Callable[[Committer], None],
) -> None:
    doomed, successor = processes(), processes()
    setattr(doomed.claims, seam, die)
    with pytest.raises(Death):
        doomed.committer.step()
    start(successor.committer)
    while successor.committer.step():
        pass
    _assert_in_the_lake_once(services, acknowledged)


# The same committer goes on after an error.


@pytest.mark.both
@pytest.mark.parametrize("seam", ["before_commit", "before_swap", "after_commit"])
def test_a_committer_looks_for_its_batch_before_it_tries_again(
    services: Services, acknowledged: list[KeyHolder], doomed: Process, seam: str
) -> None:
    setattr(doomed.catalog, seam, lose_the_answer)
    with pytest.raises(OperationalError):
        doomed.committer.step()
    setattr(doomed.catalog, seam, lambda: None)
    assert doomed.committer.step()
    assert not doomed.committer.step()
    _assert_in_the_lake_once(services, acknowledged)
    assert len(_ledger(services)) == 1


@pytest.mark.both
def test_entries_after_a_failed_attempt_wait_for_the_next_batch(
    services: Services, acknowledged: list[KeyHolder], doomed: Process
) -> None:
    doomed.catalog.before_commit = lose_the_answer
    with pytest.raises(OperationalError):
        doomed.committer.step()
    later = services.ingest.journal.append(make_contribution("later"))
    doomed.catalog.before_commit = lambda: None
    doomed.committer.drain()
    _assert_in_the_lake_once(services, [*acknowledged, later])
    assert [snapshot.added_rows for snapshot in _ledger(services)] == [1, 3]


@pytest.mark.slow
@pytest.mark.both
def test_running_goes_on_through_failures_and_ends_with_nothing_pending(
    services: Services,
    acknowledged: list[KeyHolder],
    doomed: Process,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(committer_module, "BACKOFF_S", (0.001,))
    seams = iter(("before_commit", "before_swap", "after_commit"))

    def fail_at_the_next_seam(failing: str) -> None:
        setattr(doomed.catalog, failing, lambda: None)
        if seam := next(seams, None):
            setattr(doomed.catalog, seam, lambda: fail_at_the_next_seam(seam))
        lose_the_answer()

    first = next(seams)
    setattr(doomed.catalog, first, lambda: fail_at_the_next_seam(first))
    stop = Event()
    thread = Thread(target=doomed.committer.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: services.ingest.journal.snapshot_of(acknowledged[0]), "the commit")
        last = services.ingest.journal.append(make_contribution("as it is told to stop"))
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert next(seams, None) is None
    assert caplog.text.count("commit failed") == 3
    _assert_in_the_lake_once(services, [*acknowledged, last])


# Two committers that both believe that they lead.


@pytest.mark.both
@pytest.mark.usefixtures("acknowledged")
def test_draining_ends_although_other_nodes_go_on(doomed: Process, services: Services) -> None:
    later: list[KeyHolder] = []
    doomed.claims.before_settling = lambda: later.append(
        services.ingest.journal.append(make_contribution(f"later {len(later)}"))
    )
    doomed.committer.drain()
    assert len(later) == 1
    assert services.ingest.journal.backlog().contributions == 1


@pytest.mark.slow
@pytest.mark.both
def test_two_take_up_one_claim_and_the_later_one_has_read_it(
    services: Services, acknowledged: list[KeyHolder], processes: Callable[[], Process]
) -> None:
    loser, winner = processes(), processes()
    loser.claims.after_reading = winner.committer.drain
    with pytest.raises(CommitConflict):
        loser.committer.step()
    _assert_in_the_lake_once(services, acknowledged)
    assert not loser.committer.step()
    _assert_in_the_lake_once(services, acknowledged)


@pytest.mark.both
def test_two_take_up_one_claim_and_the_later_one_finds_it_settled(
    services: Services, acknowledged: list[KeyHolder], processes: Callable[[], Process]
) -> None:
    loser, winner = processes(), processes()
    loser.claims.before_reading = winner.committer.drain
    assert loser.committer.step()
    assert not loser.committer.step()
    _assert_in_the_lake_once(services, acknowledged)
    assert len(_ledger(services)) == 1


@pytest.mark.slow
@pytest.mark.both
def test_two_take_up_one_claim_and_the_later_one_finds_a_part_of_its_entries_marked(
    services: Services,
    acknowledged: list[KeyHolder],
    processes: Callable[[], Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise it would write the batch's files again, with fewer rows than the lake has."""
    monkeypatch.setattr(claims_module, "ENTRIES_PER_STEP", 1)
    loser, winner = processes(), processes()

    def die_at_the_second_transaction() -> None:
        winner.database.after_commit = lambda: setattr(winner.database, "after_commit", die)

    def commit_and_die_while_marking() -> None:
        winner.claims.before_settling = die_at_the_second_transaction
        with pytest.raises(Death):
            winner.committer.drain()

    loser.claims.before_reading = commit_and_die_while_marking
    assert loser.committer.step()
    assert services.ingest.claims.open_claim() is not None
    loser.claims.before_reading = lambda: None
    assert loser.committer.step()
    _assert_in_the_lake_once(services, acknowledged)


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize("seam", ["before_commit", "before_swap"])
def test_two_write_the_same_files_and_one_commits(
    services: Services, acknowledged: list[KeyHolder], processes: Callable[[], Process], seam: str
) -> None:
    loser, winner = processes(), processes()
    setattr(loser.catalog, seam, winner.committer.drain)
    with pytest.raises(CommitConflict):
        loser.committer.step()
    _assert_in_the_lake_once(services, acknowledged)
    assert not loser.committer.step()
    _assert_in_the_lake_once(services, acknowledged)


@pytest.mark.both
def test_two_settle_one_batch(
    services: Services, acknowledged: list[KeyHolder], processes: Callable[[], Process]
) -> None:
    first, second = processes(), processes()
    first.claims.before_settling = second.committer.drain
    assert first.committer.step()
    _assert_in_the_lake_once(services, acknowledged)


@pytest.mark.slow
@pytest.mark.both
def test_a_committer_that_falls_behind_commits_nothing_twice(
    services: Services, acknowledged: list[KeyHolder], processes: Callable[[], Process]
) -> None:
    slow, quick = processes(), processes()
    receipts = list(acknowledged)

    def commit_more() -> None:
        for text in ("one", "two"):
            quick.committer.drain()
            receipts.append(services.ingest.journal.append(make_contribution(text)))
        quick.committer.drain()

    slow.catalog.before_commit = commit_more
    with pytest.raises(CommitConflict):
        slow.committer.step()
    slow.committer.drain()
    _assert_in_the_lake_once(services, receipts)


@pytest.mark.slow
@pytest.mark.both
def test_two_race_for_many_batches(services: Services, processes: Callable[[], Process]) -> None:
    receipts: list[KeyHolder] = []
    appended = Event()

    def lead(committer: Committer) -> None:
        while not appended.is_set() or services.ingest.journal.backlog().entries:
            try:
                committer.drain()
            except CommitConflict:
                continue

    leaders = [Thread(target=lead, args=(processes().committer,)) for _ in range(2)]
    for leader in leaders:
        leader.start()
    try:
        receipts.extend(
            services.ingest.journal.append(make_contribution(str(i))) for i in range(100)
        )
    finally:
        appended.set()
        for leader in leaders:
            leader.join(20)
    processes().committer.drain()
    _assert_in_the_lake_once(services, receipts)


# When a batch is due.


@dataclass
class Clock:
    """A monotonic clock that the test moves on."""

    now: float = 1_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The committer's clock."""
    made = Clock()
    monkeypatch.setattr(committer_module, "monotonic", lambda: made.now)
    return made


def _committer(services: Services, **settings: float) -> Committer:
    """Return a committer that has seen the journal empty, and by default commits by size only."""
    changed = replace(services.settings, **{"commit_interval_s": NEVER_S, **settings})  # type: ignore[arg-type]  # the settings that tests change are numbers
    made = Committer(
        services.database,
        services.ingest.journal,
        services.ingest.claims,
        services.catalog,
        services.versions.recorder,
        services.access.banned_contributions,
        changed,
    )
    assert made.step() is False
    return made


def _append(services: Services, count: int) -> list[KeyHolder]:
    return [services.ingest.journal.append(make_contribution(str(i))) for i in range(count)]


@pytest.mark.both
def test_nothing_pending_makes_no_snapshot(services: Services) -> None:
    committer = services.jobs.committer()
    assert committer.step() is False
    committer.drain()
    stop = Event()
    stop.set()
    committer.run(stop)
    assert list(live_snapshots(load_table(services.catalog))) == []


@pytest.mark.both
def test_a_batch_is_due_by_its_size(services: Services, clock: Clock) -> None:
    committer = _committer(services, commit_max_rows=3)
    _append(services, 2)
    assert not committer.step()
    _append(services, 1)
    assert committer.step()
    assert [snapshot.added_rows for snapshot in _ledger(services)] == [3]
    assert clock.now == Clock().now, "the batch was not due by its age"


@pytest.mark.both
def test_a_batch_is_due_by_its_bytes(services: Services, clock: Clock) -> None:
    services.ingest.journal.append(make_contribution("x"))
    one_bytes = services.ingest.journal.backlog().payload_bytes
    services.jobs.committer().drain()
    committer = _committer(services, commit_max_bytes=2 * one_bytes)
    services.ingest.journal.append(make_contribution("y"))
    assert not committer.step()
    services.ingest.journal.append(make_contribution("z"))
    assert committer.step()
    assert clock.now == Clock().now, "the batch was not due by its age"


@pytest.mark.both
@pytest.mark.parametrize("clock_is_off_by", [timedelta(0), timedelta(days=1), -timedelta(days=1)])
def test_a_batch_is_due_by_its_age_whatever_the_wall_clock_does(
    services: Services, clock: Clock, clock_is_off_by: timedelta
) -> None:
    committer = _committer(services, commit_interval_s=2.0)
    clock.now += 100
    received_at = datetime.now(UTC) + clock_is_off_by
    services.ingest.journal.append(make_contribution(received_at=received_at))
    assert not committer.step()
    clock.now += 1.99
    assert not committer.step()
    clock.now += 0.01
    assert committer.step()
    assert not committer.step()


@pytest.mark.both
def test_age_counts_from_the_oldest_pending_entry(services: Services, clock: Clock) -> None:
    committer = _committer(services, commit_interval_s=2.0)
    for _ in range(3):
        services.ingest.journal.append(make_contribution())
        assert not committer.step()
        clock.now += 0.9
    assert committer.step()
    assert [snapshot.added_rows for snapshot in _ledger(services)] == [3]


@pytest.mark.both
def test_a_batch_that_a_client_waits_for_is_due_at_once(services: Services, clock: Clock) -> None:
    committer = _committer(services)
    _append(services, 1)
    assert not committer.step()
    services.ingest.journal.append(make_contribution("awaited"), is_awaited=True)
    assert committer.step()
    assert [snapshot.added_rows for snapshot in _ledger(services)] == [2]
    assert clock.now == Clock().now, "the batch was not due by its age"


@pytest.mark.slow
@pytest.mark.both
def test_batches_that_clients_wait_for_are_a_least_time_apart(
    services: Services, clock: Clock
) -> None:
    committer = _committer(services, awaited_commit_interval_s=0.25)
    for _ in range(3):
        services.ingest.journal.append(make_contribution(), is_awaited=True)
        assert committer.step()
        services.ingest.journal.append(make_contribution(), is_awaited=True)
        clock.now += 0.2
        assert not committer.step()
        clock.now += 0.05
    assert committer.step()
    assert [snapshot.added_rows for snapshot in _ledger(services)] == [1, 2, 2, 1]


@pytest.mark.both
def test_age_and_size_count_however_soon_after_the_last_commit(
    services: Services, clock: Clock
) -> None:
    committer = _committer(services, awaited_commit_interval_s=NEVER_S, commit_max_rows=2)
    services.ingest.journal.append(make_contribution(), is_awaited=True)
    assert committer.step()
    services.ingest.journal.append(make_contribution(), is_awaited=True)
    assert not committer.step()
    _append(services, 1)
    assert committer.step()
    assert clock.now == Clock().now


@pytest.mark.both
def test_entries_pending_at_start_are_due_at_once(services: Services) -> None:
    receipts = _append(services, 1)
    assert services.jobs.committer().step()
    _assert_in_the_lake_once(services, receipts)


@pytest.mark.slow
@pytest.mark.both
def test_a_batch_has_no_more_rows_than_its_limit(services: Services) -> None:
    committer = _committer(services, commit_max_rows=3)
    receipts = _append(services, 7)
    committer.drain()
    assert [snapshot.added_rows for snapshot in _ledger(services)] == [1, 3, 3]
    _assert_in_the_lake_once(services, receipts)


@pytest.mark.slow
@pytest.mark.both
def test_a_batch_has_no_more_bytes_than_its_limit_unless_one_contribution_has(
    services: Services,
) -> None:
    receipts = [services.ingest.journal.append(make_contribution("a" * 1_000))]
    one_bytes = services.ingest.journal.backlog().payload_bytes
    texts = ("b" * 1_000, "c" * 1_000, "d" * 10_000, "e" * 1_000)
    receipts += [services.ingest.journal.append(make_contribution(text)) for text in texts]
    limited = replace(services.settings, commit_max_bytes=2 * one_bytes)
    committer = Committer(
        services.database,
        services.ingest.journal,
        services.ingest.claims,
        services.catalog,
        services.versions.recorder,
        services.access.banned_contributions,
        limited,
    )
    committer.drain()
    _assert_in_the_lake_once(services, receipts)
    assert [snapshot.added_rows for snapshot in _ledger(services)] == [1, 1, 1, 2]


@pytest.mark.both
def test_a_backlog_is_committed_oldest_first(services: Services) -> None:
    committer = _committer(services, commit_max_rows=2)
    receipts = _append(services, 4)
    committer.drain()
    newest, oldest = _ledger(services)
    assert services.ingest.journal.snapshot_of(receipts[0]) == oldest
    assert services.ingest.journal.snapshot_of(receipts[1]) == oldest
    assert services.ingest.journal.snapshot_of(receipts[2]) == newest


# Afterwards.


@pytest.mark.slow
@pytest.mark.both
def test_reconciling_brings_snapshots_of_other_engines_into_the_ledger(
    services: Services, acknowledged: list[KeyHolder]
) -> None:
    services.jobs.committer().drain()
    table = load_table(services.catalog)
    table.append(table.scan().to_arrow())
    assert len(_ledger(services)) == 1
    for _ in range(2):
        services.jobs.committer().reconcile()
        assert _ledger(services) == list(live_snapshots(load_table(services.catalog)))
    assert len(acknowledged) == _ledger(services)[0].added_rows


@pytest.mark.both
def test_reconciling_an_empty_lake_does_nothing(services: Services) -> None:
    services.jobs.committer().reconcile()
    assert _ledger(services) == []
