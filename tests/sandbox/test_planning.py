"""The files that are read for a query, and their order."""

import pytest

from app.services import Services
from sandbox.guard import parse_select
from sandbox.planning import PlannedFiles, planned_files
from sandbox.query import opened
from tests.factories import commit_batch, make_received
from tests.sandbox.tasks import make_task


@pytest.fixture(scope="module")
def lake(shared_services: Services) -> Services:
    """A lake with a file for each of three days, and something replaced on the first two."""
    for day in range(3):
        commit_batch(shared_services, make_received(day, conversation_id="chat"))
    return shared_services


def planned(lake: Services, query: str, **fields: None) -> PlannedFiles:
    task = make_task(lake, query, **fields)
    with opened(task) as connection:
        return planned_files(connection, parse_select(connection, query), task)


def days_of(paths: list[str] | tuple[str, ...]) -> list[str]:
    return [path.partition("received_at_day=")[2][:10] for path in paths]


def test_files_of_the_days_of_a_condition_are_read_alone(lake: Services) -> None:
    query = "SELECT count(*) FROM contributions WHERE received_at::DATE = '2026-03-02'"
    files = planned(lake, query)
    assert files.local
    for paths in (files.local.paths, files.dataset.files, files.replaced.paths):
        assert days_of(paths) == ["2026-03-02"]
    assert files.local.sequence_numbers == (2,)
    assert planned(lake, query, local=None).local is None


def test_a_condition_that_no_day_meets_leaves_a_file_to_begin_with(lake: Services) -> None:
    files = planned(lake, "FROM contributions WHERE received_at::DATE = '1999-01-01'")
    assert files.local
    assert days_of(files.local.paths) == days_of(files.dataset.files) == ["2026-03-01"]
    assert files.replaced.paths == ()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM contributions",
        "from main.Contributions c select count() as n, count(*)",
    ],
)
def test_rows_that_are_only_counted_are_not_read(lake: Services, query: str) -> None:
    assert planned(lake, query).counted == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM all_versions",
        "SELECT count(contribution_id) FROM contributions",
        "SELECT count(*) FROM contributions WHERE received_at > '2026-03-02'",
        "SELECT count(*) FILTER (source = 'a') FROM contributions",
        "SELECT count(*) FROM contributions a JOIN contributions b USING (contribution_id)",
        "SELECT count(*) FROM contributions NATURAL JOIN turns",
        "SELECT count(*), (SELECT min(source) FROM contributions) FROM contributions",
        "SELECT count(*) FROM contributions GROUP BY source",
        "SELECT * FROM contributions",
        "SELECT contributions FROM contributions",
        "SELECT count(*) FROM contributions AS c(a, b)",
        "SELECT count(*) FROM contributions USING SAMPLE 10%",
        "WITH c AS (FROM contributions) SELECT count(*) FROM c",
    ],
)
def test_whatever_else_a_query_asks_for_is_read(lake: Services, query: str) -> None:
    assert planned(lake, query).counted is None


def test_rows_are_read_where_their_number_is_not_known(lake: Services) -> None:
    assert planned(lake, "SELECT count(*) FROM contributions", rows=None).counted is None


@pytest.mark.parametrize(
    ("order", "newest_first"),
    [
        ("", False),
        ("ORDER BY received_at", False),
        ("ORDER BY received_at DESC LIMIT 10", True),
        ("ORDER BY c.contribution_id DESC, source", True),
        ("ORDER BY source DESC, received_at DESC", False),
        ("ORDER BY 1 DESC", False),
        ("ORDER BY lower(source) DESC", False),
    ],
)
def test_files_are_read_in_the_order_in_which_rows_are_sorted(
    lake: Services, order: str, newest_first: bool
) -> None:
    files = planned(lake, f"SELECT * FROM contributions AS c {order}")
    days = ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert files.local
    assert days_of(files.local.paths) == (days[::-1] if newest_first else days)
    assert files.local.sequence_numbers == ((3, 2, 1) if newest_first else (1, 2, 3))
    assert days_of(files.dataset.files) == days
