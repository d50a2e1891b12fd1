import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.io.pyarrow import schema_to_pyarrow

from app.services import Services, current_services
from catalog.records import AlternativeTurn, Contribution, ToolCall, Turn
from sandbox.guard import parse_select
from sandbox.planning import planned_files
from sandbox.protocol import Outcome, Task
from sandbox.query import answer
from sandbox.tables import Tables
from tests.factories import FIRST_DAY, commit_batch, make_received
from tests.lakes import LakeTemplate, opened_app
from tests.old_lakes import first_schema, in_first_columns
from tests.sandbox.tasks import LIMITS, make_task

DAYS = 3
FIRST_COLUMNS = schema_to_pyarrow(first_schema())
TEXT = "x" * 20_000
UNKNOWN_IDS = pa.array([f"none-{number:03}" for number in range(100)], pa.large_string())
"""Ids that no contribution has, as hidden ones: so many that DuckDB might plan a join."""


def run(task: Task) -> tuple[Outcome, list[dict[str, Any]]]:
    outcome, stream = answer(task)
    rows = pa.ipc.open_stream(stream).read_all().to_pylist() if stream is not None else []
    return outcome, rows


def ask(services: Services, query: str, **fields: Any) -> list[dict[str, Any]]:
    outcome, rows = run(make_task(services, query, **fields))
    assert outcome.verdict == "answered", outcome.message
    return rows


def bytes_read() -> int:
    """Return how many bytes this process has read so far: proc(5), rchar."""
    match = re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())
    assert match
    return int(match[1])


@pytest.fixture(scope="module")
def lake(shared_services: Services) -> Services:
    """A lake with one file for each of three days."""
    for day in range(DAYS):
        rows = [make_received(day, "Hi", TEXT, source=f"s{n}") for n in range(5)]
        commit_batch(shared_services, *rows)
    return shared_services


@contextmanager
def filled_lake(home: Path, template: LakeTemplate, *rows: Contribution) -> Iterator[Services]:
    """Yield the services of a new lake with these rows in one file."""
    with opened_app(template.copy(home)) as app, app.app_context():
        services = current_services()
        commit_batch(services, *rows)
        yield services


@pytest.fixture(scope="module")
def random_lake(
    tmp_path_factory: pytest.TempPathFactory, lake_template: LakeTemplate
) -> Iterator[Services]:
    """A lake whose texts don't compress."""
    random = Random(0)  # noqa: S311  # it makes texts that don't compress
    rows = [make_received(0, random.randbytes(1000).hex(), source="s") for _ in range(1000)]
    with filled_lake(tmp_path_factory.mktemp("random") / "home", lake_template, *rows) as services:
        yield services


@pytest.fixture(scope="module")
def large_lake(
    tmp_path_factory: pytest.TempPathFactory, lake_template: LakeTemplate
) -> Iterator[Services]:
    """A lake of 50 MB of text."""
    rows = [make_received(0, "Hi", TEXT) for _ in range(2500)]
    with filled_lake(tmp_path_factory.mktemp("large") / "home", lake_template, *rows) as services:
        yield services


@contextmanager
def moved_away(files: Sequence[str]) -> Iterator[None]:
    """Let files be missing during the block."""
    paths = [Path(file) for file in files]
    for path in paths:
        path.rename(path.with_suffix(".away"))
    try:
        yield
    finally:
        for path in paths:
            path.with_suffix(".away").rename(path)


def test_a_query_reads_every_column_of_a_contribution(lake: Services) -> None:
    (row,) = ask(lake, "SELECT * FROM contributions WHERE source = 's0' AND sequence_number = 2")
    assert row["agent_id"] == "test-agent"
    assert [turn["content"] for turn in row["conversation"]] == ["Hi", TEXT]
    assert row["sequence_number"] == 2


def test_turns_are_numbered_from_0_in_their_order(services: Services) -> None:
    turns = (
        Turn("one", "user"),
        Turn("two", "assistant", rating="negative", stopped=True, edited_content="deux"),
    )
    made = make_received(0, conversation=turns, contributor_id="ada")
    commit_batch(services, made)
    rows = ask(services, "SELECT * FROM turns ORDER BY turn_number")
    assert [(row["turn_number"], row["content"], row["role"]) for row in rows] == [
        (0, "one", "user"),
        (1, "two", "assistant"),
    ]
    assert rows[1]["rating"] == "negative"
    assert rows[1]["stopped"] is True
    assert rows[1]["edited_content"] == "deux"
    assert {row["contribution_id"] for row in rows} == {made.contribution_id}
    assert {row["contributor_id"] for row in rows} == {"ada"}


@pytest.mark.slow
def test_what_turns_have_beside_texts_is_read_and_taken_apart(services: Services) -> None:
    made_at = FIRST_DAY + timedelta(days=30)
    call = ToolCall("call-1", "look_up", '{"word": "sky"}')
    turn = Turn(
        "",
        "assistant",
        model="m-1",
        created_at=made_at,
        tool_calls=(call, ToolCall(name="stop")),
        alternatives=((AlternativeTurn("other", model="m-2"),),),
    )
    made = make_received(0, conversation=(Turn("Hi"), turn), labels={"a": "b"}, title="Sky")
    commit_batch(services, make_received(0, created_at=FIRST_DAY), made)
    assert ask(
        services,
        "SELECT call.name, call.arguments->>'word' AS word "
        "FROM (SELECT unnest(tool_calls) AS call FROM turns)",
    ) == [{"name": "look_up", "word": "sky"}, {"name": "stop", "word": None}]
    assert ask(
        services,
        "SELECT other[1].model AS m FROM (SELECT unnest(alternatives) AS other FROM turns)",
    ) == [{"m": "m-2"}]
    # The contributions' own times must not leave out the turns'.
    for column in ("model", "created_at"):
        (row,) = ask(services, f"SELECT {column} FROM turns WHERE {column} >= '2026-03-31'")
        assert row[column] == getattr(turn, column)
    labels = "SELECT title, labels, labels['a'] AS a FROM contributions WHERE title = 'Sky'"
    (row,) = ask(services, labels)
    assert row == {"title": "Sky", "labels": [("a", "b")], "a": "b"}
    in_order = "SELECT labels FROM contributions ORDER BY sequence_number, title DESC NULLS LAST"
    assert ask(services, in_order) == [{"labels": [("a", "b")]}, {"labels": None}]


@pytest.mark.slow
def test_files_of_before_a_field_was_added_have_null_there(services: Services) -> None:
    made = make_received(0, conversation=(Turn("new", model="m-1"),))
    commit_batch(services, made)
    dataset = make_task(services, "SELECT 1").dataset
    for file in dataset.files:
        # With the ids of the fields, which every data file of Iceberg has.
        pq.write_table(in_first_columns(pq.read_table(file)).cast(FIRST_COLUMNS), file)
    assert ask(services, "SELECT content, model, tool_calls FROM turns") == [
        {"content": "new", "model": None, "tool_calls": None}
    ]
    assert ask(services, "SELECT model FROM turns") == [{"model": None}]
    (row,) = ask(services, "SELECT * FROM contributions")
    assert row["title"] is None
    assert row["conversation"][0]["alternatives"] is None


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"local": None}], ids=["local", "anywhere"])
def test_superseded_versions_are_in_all_versions_alone(
    services: Services, fields: dict[str, Any]
) -> None:
    commit_batch(services, make_received(0, conversation_id="chat"), make_received(1))
    commit_batch(services, make_received(2, conversation_id="chat"))
    for table, count in (("contributions", 2), ("all_versions", 3), ("turns", 4)):
        query = f"SELECT count(*) AS n FROM {table}"
        assert ask(services, query, **fields) == [{"n": count}]
        # As of the first commit.
        replaced = replace(make_task(services, query).replaced, last_sequence_number=1)
        then = {"last_sequence_number": 1, "replaced": replaced, **fields}
        assert ask(services, query, **then) == [{"n": 4 if table == "turns" else 2}]


@pytest.mark.slow
def test_rows_that_are_newer_than_the_snapshot_are_in_no_table(lake: Services) -> None:
    for table, count in (("contributions", 10), ("all_versions", 10), ("turns", 20)):
        query = f"SELECT count(*) AS n FROM {table}"
        assert ask(lake, query, last_sequence_number=2) == [{"n": count}]


@pytest.mark.parametrize(
    "condition",
    [
        "received_at >= '2026-03-03'",
        "received_at BETWEEN '2026-03-03' AND '2026-03-03 23:59:59.999'",
        "date_trunc('day', received_at) = '2026-03-03'",
    ],
)
@pytest.mark.parametrize("table", ["contributions", "all_versions", "turns"])
def test_a_condition_on_the_day_opens_that_days_files_alone(
    lake: Services, table: str, condition: str
) -> None:
    query = f"SELECT count(DISTINCT source) AS n FROM {table} WHERE {condition}"
    task = make_task(lake, query, local=None, hidden=UNKNOWN_IDS)
    with moved_away(task.dataset.files[:-1]):
        outcome, rows = run(task)
    assert outcome.verdict == "answered"
    assert rows == [{"n": 5}]


@pytest.mark.parametrize(
    "narrow",
    [
        "SELECT count(source) FROM contributions",
        "SELECT count(*) FROM contributions",
        "SELECT count(*) FROM turns",
        "SELECT max(turn_number) FROM turns WHERE source = 's'",
        "SELECT role, count(*) FROM turns GROUP BY role",
        "SELECT count(*) FROM turns WHERE rating IS NULL",
    ],
)
def test_columns_that_are_not_needed_are_not_read(random_lake: Services, narrow: str) -> None:
    task = make_task(random_lake, narrow, hidden=UNKNOWN_IDS)
    before = bytes_read()
    run(task)
    narrowly = bytes_read() - before
    run(replace(task, query="SELECT max(content) FROM turns"))
    widely = bytes_read() - before - narrowly
    assert widely > 1000 * 1000
    assert narrowly < widely / 10


@pytest.mark.parametrize("table", ["contributions", "all_versions", "turns"])
def test_no_more_files_are_opened_than_an_answer_takes(lake: Services, table: str) -> None:
    query = f"SELECT * FROM {table} LIMIT 3"
    task = make_task(lake, query, local=None, hidden=UNKNOWN_IDS)
    with moved_away(task.dataset.files[1:]):
        outcome, rows = run(task)
    assert outcome.verdict == "answered"
    assert len(rows) == 3


@pytest.mark.parametrize("table", ["contributions", "all_versions", "turns"])
def test_no_table_is_a_join_which_would_hold_the_lake(lake: Services, table: str) -> None:
    task = make_task(lake, "", local=None, hidden=UNKNOWN_IDS)
    with duckdb.connect() as connection:
        select = parse_select(connection, "SELECT 1")
        Tables(connection, task, planned_files(connection, select, task)).create()
        ((_, plan),) = connection.execute(f"EXPLAIN SELECT * FROM {table}").fetchall()
    assert "Python Arrow Scan" in plan
    assert "Join" not in plan


def test_left_out_rows_are_the_small_side_of_a_join_of_local_files(lake: Services) -> None:
    task = make_task(lake, "", hidden=UNKNOWN_IDS)
    with duckdb.connect() as connection:
        select = parse_select(connection, "SELECT 1")
        Tables(connection, task, planned_files(connection, select, task)).create()
        query = "EXPLAIN (FORMAT json) SELECT source FROM contributions"
        ((_, plan),) = connection.execute(query).fetchall()
    (join,) = (part for part in parts_of(json.loads(plan)) if "JOIN" in part["name"])
    first, second = ([part["name"] for part in parts_of(side)] for side in join["children"])
    assert any("PARQUET" in name for name in first)
    assert not any("PARQUET" in name for name in second)


def parts_of(plan: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a query's plan."""
    for part in plan if isinstance(plan, list) else [plan]:
        yield part
        yield from parts_of(part["children"])


@pytest.mark.slow
@pytest.mark.parametrize("table", ["contributions", "all_versions"])
def test_a_condition_on_the_day_reads_no_rows_of_other_days(
    random_lake: Services, table: str
) -> None:
    query = f"SELECT max(conversation) FROM {table}"
    task = make_task(random_lake, query, hidden=UNKNOWN_IDS)
    before = bytes_read()
    run(task)
    of_all = bytes_read() - before
    run(replace(task, query=f"{query} WHERE received_at >= '2031-01-01'"))
    assert bytes_read() - before - of_all < of_all / 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT count(*) AS n FROM turns WHERE content ILIKE '%y%'", [{"n": 0}]),
        ("SELECT max(length(content)) AS n FROM turns", [{"n": len(TEXT)}]),
        (
            "FROM turns PIVOT (max(turn_number) FOR role IN ('user', 'assistant') GROUP BY source)",
            [{"source": None, "user": 0, "assistant": 1}],
        ),
    ],
)
def test_a_lake_larger_than_the_memory_can_be_queried(
    large_lake: Services, query: str, answer: list[dict[str, Any]]
) -> None:
    limits = replace(LIMITS, memory_mib=64)
    assert ask(large_lake, query, limits=limits, hidden=UNKNOWN_IDS) == answer


@pytest.mark.slow
def test_a_pivot_that_needs_too_much_memory_is_out_of_memory(services: Services) -> None:
    commit_batch(services, *[make_received(0, "Hi", TEXT + str(n)) for n in range(2500)])
    query = "FROM turns PIVOT (count(*) FOR role IN ('user', 'assistant'))"
    limits = replace(LIMITS, memory_mib=64)
    outcome, _ = run(make_task(services, query, limits=limits, hidden=UNKNOWN_IDS))
    assert outcome.verdict == "out_of_memory"


def test_an_invalid_query_is_refused_with_duckdbs_message(lake: Services) -> None:
    outcome, _ = run(make_task(lake, "SELECT nothing FROM contributions"))
    assert outcome.verdict == "refused"
    assert "nothing" in outcome.message


def test_an_error_while_a_query_runs_is_refused_with_duckdbs_message(lake: Services) -> None:
    outcome, _ = run(make_task(lake, "SELECT content::INTEGER FROM turns"))
    assert outcome.verdict == "refused"
    assert "Could not convert string 'Hi'" in outcome.message


def test_messages_are_cut_at_their_maximum_length(lake: Services) -> None:
    outcome, _ = run(make_task(lake, f"SELECT error('{'x' * 10_000}')"))
    assert outcome.verdict == "refused"
    assert len(outcome.message) < 2100


@pytest.mark.parametrize("text", ["SELECT $1", "\ufeff", "\u202e1 TCELES", "/*"])
def test_an_odd_text_is_refused_or_answered_like_any_other(lake: Services, text: str) -> None:
    outcome, _ = run(make_task(lake, text))
    assert outcome.verdict in {"refused", "answered"}


def test_a_query_that_needs_too_much_memory_is_out_of_memory(lake: Services) -> None:
    query = "SELECT count(DISTINCT hash(range)) FROM range(100000000)"
    limits = replace(LIMITS, memory_mib=32)
    outcome, _ = run(make_task(lake, query, limits=limits))
    assert outcome.verdict == "out_of_memory"


@pytest.mark.parametrize("fields", [{}, {"local": None}], ids=["local", "anywhere"])
def test_a_file_that_is_gone_is_not_the_querys_fault_and_is_not_named(
    lake: Services, fields: dict[str, Any]
) -> None:
    task = make_task(lake, "SELECT max(source) FROM contributions", **fields)
    with moved_away(task.dataset.files[:1]):
        outcome, _ = run(task)
    assert outcome == Outcome(verdict="unreadable")


@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_not_the_querys_fault(services: Services, kept: float) -> None:
    commit_batch(services, *[make_received(0, f"Hi {n}", source=f"s{n}") for n in range(100)])
    task = make_task(services, "SELECT count(DISTINCT content_hash) FROM contributions")
    file = Path(task.dataset.files[0])
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])
    outcome, _ = run(task)
    assert outcome == Outcome(verdict="unreadable")


@pytest.mark.slow
def test_overwritten_bytes_are_not_the_querys_fault(services: Services) -> None:
    commit_batch(services, *[make_received(0, f"Hi {n}", source=f"s{n}") for n in range(100)])
    task = make_task(services, "SELECT conversation, content_hash, source FROM contributions")
    file = Path(task.dataset.files[0])
    whole = file.read_bytes()
    verdicts = set()
    for start in range(4, len(whole), len(whole) // 40):
        file.write_bytes(whole[:start] + b"\xff" * 50 + whole[start + 50 :])
        outcome, _ = run(task)
        verdicts.add(outcome.verdict)
    assert verdicts <= {"answered", "unreadable"}
    assert "unreadable" in verdicts


@pytest.mark.slow
def test_the_empty_lake_has_empty_tables(services: Services) -> None:
    for table in ("contributions", "all_versions", "turns"):
        assert ask(services, f"SELECT * FROM {table}") == []


def test_days_are_those_of_utc(lake: Services) -> None:
    rows = ask(lake, "SELECT strftime(min(received_at), '%H:%M') AS noon FROM contributions")
    assert rows == [{"noon": "12:00"}]


@pytest.mark.parametrize("name", ["contributions", "all_versions"])
def test_a_name_that_a_query_gives_anew_means_the_same_in_the_other_tables(
    lake: Services, name: str
) -> None:
    query = f"WITH {name} AS (SELECT 1) SELECT count(*) AS n, (FROM {name}) AS one FROM turns"
    assert ask(lake, query) == [{"n": 30, "one": 1}]
