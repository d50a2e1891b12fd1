"""Other engines attach the running server by URL, as docs/reading.md shows."""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.engines.filled_lake import TO_THINNING, FilledLake, fill, made_up
from tests.engines.reader import Reader
from tests.engines.snippets import HEAVY, LATEST, LIVE, THINNED, snippets
from tests.functional.server import Server
from tests.servers.s3 import VENDED

pytestmark = pytest.mark.both

ROWS = 400


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[FilledLake]:
    """A lake that gives engines the key that was set apart for them, where it is on S3."""
    settings = {**TO_THINNING, **backend.places(), **({} if backend.is_embedded else VENDED)}
    with Server(tmp_path_factory.mktemp("engines") / "home", **settings) as server:
        yield fill(server, made_up(ROWS))


@pytest.fixture
def hiding_lake(lake: FilledLake) -> Iterator[FilledLake]:
    """The lake while some of its rows are hidden."""
    with lake.hiding() as made:
        yield made


@pytest.fixture(scope="module")
def thinned_lake(lake: FilledLake) -> FilledLake:
    """The lake, of which one snapshot is live."""
    lake.thin()
    return lake


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Runs snippets in the tests' own environment, where one process imports what they need."""
    return Reader(sys.executable, tmp_path, {"POLARS_ICEBERG_PLANNER": "pyiceberg"})


def light(names: Iterable[str]) -> list[str]:
    """Return those that run in every environment."""
    return [name for name in names if name not in HEAVY]


def test_engines_read_the_same_rows_now_and_then_and_leave_out_what_was_replaced(
    lake: FilledLake, reader: Reader
) -> None:
    day = datetime.now(UTC).date()
    latest = lake.latest_on(day)
    assert latest.rows < lake.now.rows
    # Those that read a thinned snapshot read a live one alike.
    expected = {name: {"then": lake.then} for name in light(THINNED)}
    expected |= {name: {"now": lake.now, "then": lake.then} for name in light(LIVE)}
    expected[LATEST] = {"now": latest}
    known = {**snippets(), LATEST: snippets()[LATEST].of(day)}
    assert reader.read_all({name: known[name] for name in expected}, lake) == expected


def test_no_engine_reads_a_hidden_row_now_or_then(hiding_lake: FilledLake, reader: Reader) -> None:
    chosen = {name: snippets()[name] for name in light(LIVE)}
    read = {"now": hiding_lake.now, "then": hiding_lake.then}
    assert reader.read_all(chosen, hiding_lake) == dict.fromkeys(chosen, read)


def test_a_thinned_snapshot_still_has_its_rows(thinned_lake: FilledLake, reader: Reader) -> None:
    chosen = {name: snippets()[name] for name in light(THINNED)}
    read = {"then": thinned_lake.then}
    assert reader.read_all(chosen, thinned_lake) == dict.fromkeys(chosen, read)


def test_every_snippet_that_reads_is_run() -> None:
    assert {name for name, each in snippets().items() if each.reads} == {*LIVE, *THINNED, LATEST}
