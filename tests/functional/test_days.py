"""The lake's files lie in folders by day, and a reader of one day opens no other's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

import pytest
from pyiceberg.expressions import And, GreaterThanOrEqual, LessThan
from pyiceberg.table import Table

from app.ingest.journal.journal import Journal
from app.settings import Settings
from app.state.db import Database
from tests.factories import make_contribution, make_submission
from tests.functional.server import Server, eventually

CONTRIBUTOR = "test-days"
DAYS = (date(2023, 4, 1), date(2023, 4, 2), date(2024, 2, 29))
PER_DAY = 3

_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62


def _contribution_id(received_at: datetime, number: int) -> str:
    milliseconds = round(received_at.timestamp() * 1000)
    return str(UUID(int=milliseconds << 80 | _VERSION_AND_VARIANT | number))


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    """The shared server, after its journal was given contributions of days long past.

    So does a server find it that was down in between; its own committer takes them to the lake.
    The first and the last of each day are those of its first and its last millisecond.
    """
    settings = Settings.at(shared_server.home)
    database = Database(settings.database_url)
    journal = Journal(database, settings.max_journal_bytes)
    for day in DAYS:
        start = datetime.combine(day, time.min, UTC)
        end = start + timedelta(days=1, milliseconds=-1)
        for number, received_at in enumerate((start, start + timedelta(hours=12), end)):
            journal.append(
                make_contribution(
                    f"{day} {number}",
                    contribution_id=_contribution_id(received_at, number),
                    contributor_id=CONTRIBUTOR,
                )
            )
    database.dispose()
    eventually(
        "the past is visible",
        lambda: shared_server.count(contributor_id=CONTRIBUTOR) == PER_DAY * len(DAYS),
    )
    return shared_server


def _planned(table: Table, day: date) -> list[Path]:
    """Return the data files that pyiceberg opens for the rows of one day."""
    condition = And(
        GreaterThanOrEqual("received_at", f"{day}T00:00:00+00:00"),
        LessThan("received_at", f"{day + timedelta(days=1)}T00:00:00+00:00"),
    )
    tasks = table.scan(row_filter=condition).plan_files()
    return [Path(unquote(urlsplit(task.file.file_path).path)) for task in tasks]


def _data_folder(server: Server) -> Path:
    return Path(urlsplit(server.table().location()).path) / "data"


@contextmanager
def _out_of_reach(folder: Path) -> Iterator[None]:
    hidden = folder.with_name(f"hidden-{folder.name}")
    folder.rename(hidden)
    try:
        yield
    finally:
        hidden.rename(folder)


def test_every_file_of_a_snapshot_lies_in_the_folder_of_its_rows_day(server: Server) -> None:
    table = server.table()

    tasks = list(table.scan().plan_files())

    assert len(tasks) >= len(DAYS)
    for task in tasks:
        file = Path(urlsplit(task.file.file_path).path)
        day = date(1970, 1, 1) + timedelta(days=task.file.partition[0])
        assert file.is_file()
        assert file.parent.name == f"received_at_day={day}"


@pytest.mark.parametrize("day", DAYS)
def test_the_scan_of_a_day_plans_that_days_files_alone(server: Server, day: date) -> None:
    files = _planned(server.table(), day)

    assert files
    assert {file.parent for file in files} == {_data_folder(server) / f"received_at_day={day}"}


@pytest.mark.parametrize("day", DAYS)
def test_the_server_answers_for_a_day_while_every_other_days_files_are_out_of_reach(
    server: Server, day: date
) -> None:
    others = [_data_folder(server) / f"received_at_day={other}" for other in DAYS if other != day]
    with _out_of_reach(others[0]), _out_of_reach(others[1]):
        answer = server.get("contributions", day=str(day), versions="all")

    assert answer.status_code == 200, answer.text
    rows = answer.json()["contributions"]
    texts = [row["conversation"][0]["content"] for row in rows]
    assert texts == [f"{day} {number}" for number in range(PER_DAY)]
    # The test would say nothing if files out of reach were passed over.
    with _out_of_reach(_data_folder(server) / f"received_at_day={day}"):
        assert server.get("contributions", day=str(day), versions="all").status_code >= 500


def test_a_submission_of_now_lies_in_todays_folder(server: Server) -> None:
    before = datetime.now(UTC).date()
    answer = server.submit(make_submission(source=f"{CONTRIBUTOR}-now"), wait_s=30)
    after = datetime.now(UTC).date()

    assert answer.status_code == 200, answer.text
    days = {file.parent.name for day in (before, after) for file in _planned(server.table(), day)}
    assert days <= {f"received_at_day={day}" for day in (before, after)}
    counts = [server.count(source=f"{CONTRIBUTOR}-now", day=str(day)) for day in {before, after}]
    assert sum(counts) == 1
