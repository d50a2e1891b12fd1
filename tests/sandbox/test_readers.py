"""DuckDB's reader of local files and Arrow's reader of files anywhere give the same answers."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from app.query.snapshots import Reference
from app.services import Services, current_services
from catalog.records import AlternativeTurn, Attachment, ToolCall, Turn
from catalog.snapshots import Snapshot
from sandbox.protocol import Task
from sandbox.query import answer
from tests.factories import FIRST_DAY, hide, make_received
from tests.histories import RandomHistory
from tests.lakes import LakeTemplate, opened_app
from tests.sandbox.tasks import LIMITS, task_of

COMMITS = 8
QUERIES = (
    "SELECT * FROM all_versions ORDER BY contribution_id",
    "SELECT * FROM turns ORDER BY contribution_id, turn_number",
    "SELECT count(*), min(sequence_number), max(sequence_number) FROM contributions",
    "SELECT source, count(*), sum(len(conversation)) FROM all_versions GROUP BY ALL ORDER BY ALL",
    "SELECT title, client.name, labels['a'] FROM contributions WHERE title IS NOT NULL ORDER BY 1",
    "SELECT contribution_id FROM contributions WHERE received_at >= '2026-03-02'"
    " AND received_at < '2026-03-03' AND contributor_id IS NOT NULL ORDER BY 1",
    "SELECT t.content, t.tool_calls, t.alternatives FROM contributions c, unnest(c.conversation)"
    " AS u(t) ORDER BY c.contribution_id, t.content",
    "SELECT count(*) FROM contributions a JOIN all_versions b USING (conversation_id)",
)


def task_at(services: Services, snapshot: Snapshot, query: str) -> Task:
    view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
    limits = replace(LIMITS, max_rows=10_000, max_bytes=16 * 1024 * 1024)
    return replace(task_of(view, services.reading.replaced, query), limits=limits)


def rows_of(task: Task) -> pa.Table:
    outcome, stream = answer(task)
    assert outcome.verdict == "answered", (task.query, outcome.message)
    return pa.ipc.open_stream(stream).read_all()


def fill(history: RandomHistory) -> None:
    """Commit contributions with and without optional fields, hide some, and maintain the lake."""
    random = history.random
    for number in range(COMMITS):
        history.commit_some()
        if random.random() < 0.4:
            call = ToolCall("call", "look_up", "{}")
            other = ((AlternativeTurn(f"other {number}", model="m"),),)
            turn = Turn("odd", "assistant", model="m", tool_calls=(call,), alternatives=other)
            seen = Turn("seen", attachments=(Attachment(kind="image", name="a.png"),))
            fields = {
                "title": f"title {number}",
                "labels": {"a": str(number)},
                "created_at": FIRST_DAY + timedelta(hours=number),
            }
            history.commit([make_received(number % 3, conversation=(turn, seen), **fields)])
        if random.random() < 0.3:
            hide(history.services, random.choice(history.rows).contribution.contribution_id)
        history.maintain()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_both_readers_give_the_same_rows_of_random_histories(services: Services, seed: int) -> None:
    history = RandomHistory(services, random=Random(seed))  # noqa: S311  # it makes test data
    fill(history)
    for snapshot in (history.random.choice(history.snapshots), history.snapshots[-1]):
        for query in QUERIES:
            task = task_at(services, snapshot, query)
            assert task.local is not None
            assert rows_of(task) == rows_of(replace(task, local=None)), query


@pytest.mark.slow
def test_rows_that_are_counted_without_reading_are_those_of_a_random_history(
    services: Services,
) -> None:
    history = RandomHistory(services, random=Random(2))  # noqa: S311  # it makes test data
    for _ in range(COMMITS):
        history.commit_some()
        history.maintain()
    tasks = {
        snapshot: task_at(services, snapshot, "SELECT count(*) AS n FROM contributions")
        for snapshot in history.snapshots
    }
    for snapshot, task in tasks.items():
        assert rows_of(task).to_pylist() == [{"n": len(history.latest(snapshot))}]
    assert sum(task.rows is not None for task in tasks.values()) > 1
    newest = history.snapshots[-1]
    *_, seen = history.latest(newest).values()
    hide(services, seen.contribution.contribution_id)
    hidden = task_at(services, newest, tasks[newest].query)
    assert hidden.rows is None
    assert rows_of(hidden).to_pylist() == [{"n": len(history.latest(newest)) - 1}]


def test_paths_that_duckdb_takes_for_patterns_are_left_to_arrow(
    tmp_path: Path, lake_template: LakeTemplate
) -> None:
    with opened_app(lake_template.copy(tmp_path / "a[b]*")) as app, app.app_context():
        services = current_services()
        history = RandomHistory(services, random=Random(0))  # noqa: S311  # it makes test data
        snapshot = history.commit_some()
        task = task_at(services, snapshot, "SELECT count(*) AS n FROM contributions")
        assert task.local is None
        assert rows_of(task).to_pylist() == [{"n": len(history.latest(snapshot))}]
