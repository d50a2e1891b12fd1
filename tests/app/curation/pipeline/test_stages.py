"""Builds of stages: the rows that they keep, drop and count, and what they compute again."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import Table

from app.curation.errors import RowsMiscounted
from app.curation.pipeline import chunks, cleaned, daft_query, runner
from app.curation.pipeline.chunks import QuerySize
from app.curation.pipeline.records import BUILD_LOCK, ChunkRecords
from app.curation.pipeline.runner import Runner
from app.curation.pipeline.stages import StageBuild, Stages
from app.curation.rules.interface import Outcomes, TextReader
from app.query.snapshots import Reference
from app.services import Services
from catalog.errors import CommitConflict
from catalog.maintenance.thinning import Retention, thin, thinnable
from catalog.records import Contribution
from catalog.snapshots import Snapshot
from catalog.stages.builds import replace_files, source_of
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES, DecidedTable, decide, ids_in
from tests.factories import (
    FIRST_DAY,
    commit_batch,
    hide,
    make_contribution,
    make_received,
    make_turns,
    show,
)

DAYS = [FIRST_DAY.replace(hour=0) + timedelta(days=number) for number in range(4)]
"""The starts of the first chunks of four days."""


def rows_of(services: Services, stage: ComputedStage) -> list[dict[str, Any]]:
    """Return the rows that a stage has now."""
    return _rows(load_table(services.catalog, COMPUTED_STAGES[stage].rows))


def dropped_of(services: Services, stage: ComputedStage) -> dict[str, str]:
    """Return the reason of each row that a stage dropped."""
    rows = _rows(load_table(services.catalog, COMPUTED_STAGES[stage].dropped))
    return {row["contribution_id"]: row["reason"] for row in rows}


def _rows(table: Table) -> list[dict[str, Any]]:
    snapshot = table.current_snapshot()
    assert snapshot
    return [row for batch in stage_rows(table, snapshot.snapshot_id) for row in batch.to_pylist()]


def ids_of(rows: list[dict[str, Any]]) -> list[str]:
    return [row["contribution_id"] for row in rows]


def assert_counted_once(built: StageBuild, snapshot: Snapshot) -> None:
    """Check that every raw row is kept, or dropped for one reason."""
    assert built.rows + sum(built.dropped.values()) == snapshot.total_rows
    assert all(count > 0 for count in built.dropped.values())


@pytest.mark.slow
def test_a_build_tells_the_reasons_of_its_stage_and_of_earlier_ones(
    services: Services, stages: Stages
) -> None:
    snapshot = commit_batch(services, make_received())
    reasons = {stage: stages.build(stage, snapshot).reasons for stage in COMPUTED_STAGES}
    assert [each.name for each in reasons["cleaned"]] == ["empty"]
    assert reasons["curated"] == tuple(TEST_RULES.reasons)


@pytest.mark.slow
def test_every_row_of_the_snapshot_is_kept_or_left_out_for_one_reason(
    services: Services, stages: Stages
) -> None:
    ada = {"contributor_id": "ada", "conversation_id": "chat"}
    good = make_received(0, "Why?", "Because SECRET.", contributor_id="bob", attribution="Bob")
    first = make_received(1, "old", "answer", **ada)
    empty = make_received(1, " ", "\n")
    alone = make_received(2, "nobody answers")
    same = make_received(2, "Why?", "Because SECRET.")
    alike = make_received(2, "why?", "because SECRET.")
    bad_turns = (make_turns("Bad?", "Yes.")[0], replace_rating(make_turns("Bad?", "Yes.")[1]))
    bad = make_received(0, conversation=bad_turns)
    gone = make_received(0, "private", "indeed", contributor_id="eve")
    commit_batch(services, good, first, empty, alone, same, alike, bad, gone)
    second = make_received(2, "new", "answer", **ada)
    snapshot = commit_batch(services, second)
    hide(services, gone.contribution_id)
    progress: list[int] = []
    built = stages.build("curated", snapshot, progress.append)
    assert dict(built.dropped) == {
        "superseded": 1,
        "hidden": 1,
        "empty": 1,
        "no_exchange": 1,
        "rated_negative": 1,
        "duplicate": 1,
        "near_duplicate": 1,
    }
    assert built.rows == 2
    assert_counted_once(built, snapshot)
    assert sum(progress) == stages.total_rows("curated", snapshot) == 2 * snapshot.total_rows
    assert ids_of(rows_of(services, "curated")) == [good.contribution_id, second.contribution_id]
    assert dropped_of(services, "cleaned") == {
        empty.contribution_id: "empty",
        alone.contribution_id: "no_exchange",
    }
    assert dropped_of(services, "curated") == {
        bad.contribution_id: "rated_negative",
        same.contribution_id: "duplicate",
        alike.contribution_id: "near_duplicate",
    }
    row = rows_of(services, "cleaned")[0]
    assert row["attribution"] == "Bob"
    assert row["masked"]["secret"] == 1
    assert row["signals"]["words"] == 3
    assert row["bands"] == [2, ord("W")]


@pytest.mark.slow
def test_rows_get_the_prompt_groups_that_the_rules_decide(
    services: Services, stages: Stages
) -> None:
    first = make_received(0, "Question", "a")
    commit_batch(services, first)
    second, third = make_received(0, "question one", "b"), make_received(1, "Other", "c")
    stages.build("curated", commit_batch(services, second, third))
    groups = {row["contribution_id"]: row["prompt_group"] for row in rows_of(services, "curated")}
    assert groups == {
        first.contribution_id: None,
        second.contribution_id: ord("q"),
        third.contribution_id: None,
    }
    assert dropped_of(services, "curated") == {}


def replace_rating(turn: Any) -> Any:
    """Return a turn that was rated negative."""
    return type(turn)(turn.content, turn.role, "negative")


@pytest.mark.slow
def test_a_stage_names_the_snapshot_that_it_was_computed_from(
    services: Services, stages: Stages
) -> None:
    older = commit_batch(services, make_received(0, "then", "a"))
    newer = commit_batch(services, make_received(1, "now", "a"))
    for snapshot in (older, newer, older):
        built = stages.build("curated", snapshot)
        assert built.source_snapshot_id == snapshot.snapshot_id
        assert built.rows == snapshot.total_rows
        for stage in COMPUTED_STAGES.values():
            for identifier in (stage.rows, stage.dropped):
                table = load_table(services.catalog, identifier)
                assert source_of(table) == snapshot.snapshot_id
        rows = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
        current = rows.current_snapshot()
        assert current and built.snapshot_id == current.snapshot_id


@pytest.mark.slow
def test_an_older_build_can_be_read_after_a_newer_one(services: Services, stages: Stages) -> None:
    first = stages.build("curated", commit_batch(services, make_received(0, "then", "a")))
    stages.build("curated", commit_batch(services, make_received(0, "now", "a")))
    table = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    (batch,) = stage_rows(table, first.snapshot_id, ["conversation"])
    (row,) = batch.to_pylist()
    assert row["conversation"][0]["content"] == "then"


@pytest.mark.slow
def test_a_new_submission_is_computed_alone_and_written_with_its_chunk(
    services: Services, stages: Stages, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "BEGINS_CHUNK", "0$")
    noon = FIRST_DAY + timedelta(days=1)
    starts = [DAYS[1], *(noon + timedelta(seconds=second) for second in (3, 6))]
    days = {day: [make_received(day, f"q {day} {i}", "a") for i in range(3)] for day in (0, 2)}
    parts = [
        [make_at(noon, second, second % 3, f"q {second}") for second in range(first, first + 3)]
        for first in (0, 3, 6)
    ]
    made = [each for part in [*days.values(), *parts] for each in part]
    commit_batch(services, *made)
    built = stages.build("curated", commit_batch(services, make_received(3, "one more", "a")))
    assert built.computed_rows == 16
    assert len(ids_in(seen)) == 16
    added = make_at(noon, 4.5, 7, "the new one")
    snapshot = commit_batch(services, added)
    files = _files(services, "curated")
    built = stages.build("curated", snapshot)
    assert built.computed_rows == 1
    assert ids_in(seen) == [added.contribution_id]
    assert_counted_once(built, snapshot)
    after = _files(services, "curated")
    assert after.keys() == files.keys() > set(starts)
    assert [start for start in files if after[start] != files[start]] == [starts[1]]


def make_at(noon: datetime, seconds: float, tail: int, text: str) -> Contribution:
    """Return a contribution of some seconds after a time whose id ends in a digit."""
    milliseconds = int((noon + timedelta(seconds=seconds)).timestamp() * 1000)
    id_ = UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | tail)
    return make_contribution(text, "a", contribution_id=str(id_))


def _files(services: Services, stage: ComputedStage) -> dict[datetime, set[str]]:
    """Return the data files that a stage has of each chunk now."""
    table = load_table(services.catalog, COMPUTED_STAGES[stage].rows)
    starts = list(ChunkRecords(services.database).of(stage))
    found: dict[datetime, set[str]] = {}
    for task in table.scan().plan_files():
        first = pq.read_table(task.file.file_path, columns=["received_at"])[0][0].as_py()
        chunk = max(start for start in starts if start <= first)
        found.setdefault(chunk, set()).add(task.file.file_path)
    return found


@pytest.mark.slow
def test_files_of_days_that_have_not_changed_are_not_opened(
    services: Services, stages: Stages, seen: Path
) -> None:
    stages.build("cleaned", commit_batch(services, make_received(0, "q", "a")))
    snapshot = commit_batch(services, make_received(1, "r", "a"))
    for path in Path(services.settings.home / "warehouse").glob("**/contributions/data/*-03-01/*"):
        # Only ids and times remain: a build reads these to tell that the day hasn't changed.
        ids_alone = pq.read_table(path, columns=["contribution_id", "received_at"])
        pq.write_table(ids_alone, path)
    ids_in(seen)
    assert stages.build("cleaned", snapshot).computed_rows == 1
    assert len(ids_in(seen)) == 1


@pytest.mark.slow
def test_a_repeated_build_commits_nothing(services: Services, stages: Stages, seen: Path) -> None:
    snapshot = commit_batch(services, make_received(0, "q", "a"))
    first = stages.build("curated", snapshot)
    ids_in(seen)
    again = stages.build("curated", snapshot)
    assert again == replace(first, computed_rows=0)
    assert ids_in(seen) == []
    table = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    assert len(table.metadata.snapshots) == 1


def undecided(facts: Iterable[pa.RecordBatch], *_: object) -> DecidedTable:
    raise AssertionError(facts)


@pytest.mark.slow
def test_rows_are_decided_only_when_some_have_changed(services: Services, stages: Stages) -> None:
    commit_batch(services, make_received(0, "q", "a"), make_received(0, "q", "a"))
    gone = make_received(0, "r", "a")
    hide(services, gone.contribution_id)
    older = services.reading.snapshots.find(Reference())
    first = stages.build("curated", older)
    never = stages_of(services, replace(TEST_RULES, decide=undecided))
    assert never.build("curated", older) == replace(first, computed_rows=0)
    newer = commit_batch(services, gone)
    again = never.build("curated", newer)
    assert (again.source_snapshot_id, again.rows) == (newer.snapshot_id, first.rows)
    assert again.dropped == {**first.dropped, "hidden": 1}
    with pytest.raises(AssertionError):
        never.build("curated", commit_batch(services, make_received(1, "q", "a")))


@pytest.mark.slow
def test_rows_are_decided_again_after_a_build_that_never_recorded_its_chunks(
    services: Services, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = commit_batch(services, make_received(0, "q", "a"), make_received(0, "q", "a"))
    stages.build("cleaned", snapshot)
    record, calls = ChunkRecords.record, Counter[str]()

    def fail_second(*arguments: Any) -> None:
        calls["made"] += 1
        if calls["made"] == 2:
            raise ConnectionError
        record(*arguments)

    monkeypatch.setattr(ChunkRecords, "record", fail_second)
    with pytest.raises(ConnectionError):
        stages.build("curated", snapshot)
    built = stages.build("curated", snapshot)
    assert (built.rows, built.dropped) == (1, {"duplicate": 1})
    assert all(each.is_known for each in ChunkRecords(services.database).of("curated").values())


@pytest.mark.slow
def test_a_day_is_computed_again_when_the_rules_have_changed(
    services: Services, stages: Stages
) -> None:
    snapshot = commit_batch(services, make_received(0, "q", "a"))
    stages.build("curated", snapshot)
    for rules in (
        replace(TEST_RULES, cleaning_version="2"),
        replace(TEST_RULES, curating_version="2"),
    ):
        changed = stages_of(services, rules)
        assert changed.build("curated", snapshot).computed_rows == 1


@pytest.mark.slow
def test_a_day_with_nothing_left_is_remembered_too(
    services: Services, stages: Stages, seen: Path
) -> None:
    mine = {"contributor_id": "ada", "conversation_id": "chat"}
    commit_batch(services, make_received(0, "old", "a", **mine))
    snapshot = commit_batch(services, make_received(1, "new", "a", **mine))
    first = stages.build("curated", snapshot)
    assert list(ChunkRecords(services.database).of("curated")) == DAYS[:2]
    ids_in(seen)
    assert stages.build("curated", snapshot) == replace(first, computed_rows=0)
    assert ids_in(seen) == []


@pytest.mark.slow
def test_rows_lie_in_the_order_of_receipt_however_they_were_computed(
    services: Services, stages: Stages, monkeypatch: pytest.MonkeyPatch, seen: Path
) -> None:
    made = [make_received(day, f"q {day} {i}", "a") for day in range(3) for i in range(7)]
    snapshot = commit_batch(services, *made[::-1])
    monkeypatch.setattr(cleaned, "QUERY", QuerySize(rows=10, size_bytes=2**40, runs=9))
    built = stages.build("curated", snapshot)
    expected = [each.contribution_id for each in made]
    assert ids_of(rows_of(services, "cleaned")) == expected
    assert ids_of(rows_of(services, "curated")) == expected
    assert ids_in(seen) == expected
    assert built.rows == 21


@pytest.mark.slow
def test_rows_are_the_same_when_processes_compute_them(
    services: Services, stages: Stages, monkeypatch: pytest.MonkeyPatch, seen: Path
) -> None:
    made = [make_received(day, f"q {day} {i}", "a") for day in range(2) for i in range(7)]
    snapshot = commit_batch(services, *made)
    monkeypatch.setattr(daft_query, "ROWS_IN_PROCESS", 7)
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=2))
    assert stages.build("curated", snapshot).computed_rows == 14
    assert ids_of(rows_of(services, "curated")) == ids_in(seen)
    assert len(rows_of(services, "curated")) == 14


def test_a_lake_of_which_nothing_stays_is_built_as_well(services: Services, stages: Stages) -> None:
    contribution = make_received(0, "q", "a")
    snapshot = commit_batch(services, contribution)
    hide(services, contribution.contribution_id)
    built = stages.build("curated", snapshot)
    assert (built.rows, dict(built.dropped)) == (0, {"hidden": 1})
    assert rows_of(services, "curated") == []
    assert stages.build("curated", snapshot).snapshot_id == built.snapshot_id


@pytest.mark.slow
def test_cleaned_can_be_built_alone(services: Services, stages: Stages) -> None:
    snapshot = commit_batch(services, make_received(0, "q", "a"), make_received(0, "q", "a"))
    progress: list[int] = []
    built = stages.build("cleaned", snapshot, progress.append)
    assert (built.stage, built.rows, dict(built.dropped)) == ("cleaned", 2, {})
    assert sum(progress) == 2
    curated = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    assert curated.current_snapshot() is None


@pytest.mark.slow
def test_a_thinned_snapshot_is_built_as_it_was(services: Services, stages: Stages) -> None:
    older = commit_batch(services, make_received(0, "q", "a"))
    newer = commit_batch(services, make_received(0, "r", "a"))
    table = load_table(services.catalog)
    late = newer.committed_at + timedelta(days=99)
    retention = Retention(newest=1, hours=0, days=0, read_grace=timedelta())
    thin(table, thinnable(table, retention, late), late)
    built = stages.build("curated", older)
    assert (built.source_snapshot_id, built.rows) == (older.snapshot_id, 1)
    assert stages.build("curated", newer).rows == 2


@pytest.mark.slow
def test_a_build_waits_for_the_one_before_it(services: Services, stages: Stages) -> None:
    snapshot = commit_batch(services, make_received(0, "q", "a"))
    lock = services.database.lock(BUILD_LOCK)
    assert lock.try_acquire()
    done: list[StageBuild] = []
    thread = threading.Thread(target=lambda: done.append(stages.build("cleaned", snapshot)))
    thread.start()
    thread.join(timeout=0.5)
    assert thread.is_alive()
    assert rows_are_absent(services)
    lock.close()
    thread.join()
    assert [built.rows for built in done] == [1]


def rows_are_absent(services: Services) -> bool:
    """Tell whether `cleaned` has never been written."""
    return load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows).current_snapshot() is None


@pytest.mark.slow
def test_rules_that_decide_twice_about_a_row_are_caught_before_anything_is_written(
    services: Services,
) -> None:
    same = [make_received(0, "q", "a") for _ in range(2)]
    snapshot = commit_batch(services, *same)
    twice = replace(TEST_RULES, decide=decide_twice)
    stages = stages_of(services, twice)
    with pytest.raises(RowsMiscounted) as caught:
        stages.build("curated", snapshot)
    assert (caught.value.start, caught.value.rows, caught.value.counted) == (DAYS[0], 2, 3)
    table = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    assert table.current_snapshot() is None
    assert not list(Path(table.location().removeprefix("file://")).rglob("*.parquet"))


def decide_twice(
    facts: Iterable[pa.RecordBatch], texts: TextReader, known: Outcomes
) -> DecidedTable:
    """Decide, and return each row twice."""
    decided = decide(facts, texts, known).table
    return DecidedTable(pa.concat_tables([decided, decided]))


@pytest.mark.slow
def test_a_build_that_fails_between_its_commits_has_its_days_computed_anew(
    services: Services, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = commit_batch(services, make_received(0, "q", "a"))
    stages.build("cleaned", older)
    newer = commit_batch(services, make_received(0, " ", "a"), make_received(1, "r", "a"))
    calls = Counter[str]()

    def fail_second(table: Table, *rest: Any) -> int:
        calls["made"] += 1
        if calls["made"] == 2:
            raise CommitConflict(1)
        return replace_files(table, *rest)

    monkeypatch.setattr("app.curation.pipeline.writer.replace_files", fail_second)
    with pytest.raises(CommitConflict):
        stages.build("cleaned", newer)
    monkeypatch.setattr("app.curation.pipeline.writer.replace_files", replace_files)
    records = ChunkRecords(services.database).of("cleaned")
    assert {start: record.digest for start, record in records.items()} == {DAYS[0]: "", DAYS[1]: ""}
    for snapshot, expected in ((older, 1), (newer, 2)):
        built = stages.build("cleaned", snapshot)
        assert built.rows == len(rows_of(services, "cleaned")) == expected
        assert_counted_once(built, snapshot)
    assert list(dropped_of(services, "cleaned").values()) == ["no_exchange"]


@pytest.mark.slow
def test_a_build_that_fails_before_its_first_commit_leaves_no_file(
    services: Services, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = commit_batch(services, make_received(0, "q", "a"))

    def fail(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(ChunkRecords, "mark", fail)
    with pytest.raises(ConnectionError):
        stages.build("cleaned", snapshot)
    table = load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows)
    assert not list(Path(table.location().removeprefix("file://")).rglob("*.parquet"))


def _contents(services: Services) -> str:
    """Return all rows of the newest builds as text."""
    identifiers = [
        name for stage in COMPUTED_STAGES.values() for name in (stage.rows, stage.dropped)
    ]
    return repr([_rows(load_table(services.catalog, each)) for each in identifiers])


@pytest.mark.slow
def test_contributions_hidden_before_a_build_leave_no_trace(
    services: Services, stages: Stages
) -> None:
    eve = make_received(0, "Trace me", "if you can", contributor_id="eve", attribution="Eve")
    copy = make_received(1, "Trace me", "if you can", contributor_id="bob")
    empty = make_received(1, " ", "if you can", contributor_id="eve")
    snapshot = commit_batch(services, eve, copy, empty, make_received(2, "other", "a"))
    stages.build("curated", snapshot)
    assert eve.contribution_id in _contents(services)
    ids = [eve.contribution_id, empty.contribution_id]
    hide(services, *ids)
    built = stages.build("curated", snapshot)
    assert built.dropped == {"hidden": 2}
    contents = _contents(services)
    for trace in (*ids, "eve", "Eve"):
        assert trace not in contents
    assert copy.contribution_id in contents
    assert built.computed_rows == 0


@pytest.mark.slow
def test_contributions_return_when_they_are_shown_again(services: Services, stages: Stages) -> None:
    contribution = make_received(0, "q", "a", contributor_id="eve")
    snapshot = commit_batch(services, contribution)
    hide(services, contribution.contribution_id)
    assert stages.build("curated", snapshot).rows == 0
    show(services, contribution.contribution_id)
    assert stages.build("curated", snapshot).rows == 1


@pytest.mark.slow
def test_superseded_and_hidden_rows_are_counted_separately(
    services: Services, stages: Stages
) -> None:
    mine = {"contributor_id": "ada", "conversation_id": "chat"}
    old = make_received(0, "old", "a", **mine)
    commit_batch(services, old)
    snapshot = commit_batch(services, make_received(0, "new", "a", **mine))
    hide(services, old.contribution_id)
    built = stages.build("curated", snapshot)
    assert (built.rows, dict(built.dropped)) == (1, {"superseded": 1})
