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
    """Runs snippets in the tests' own environment."""
    return Reader(sys.executable, tmp_path, {"POLARS_ICEBERG_PLANNER": "pyiceberg"})


def light(names: Iterable[str]) -> list[str]:
    """Return those that run in every environment."""
    return [name for name in names if name not in HEAVY]


@pytest.mark.parametrize("name", light(LIVE))
def test_an_engine_reads_the_same_rows_now_and_then(
    lake: FilledLake, reader: Reader, name: str
) -> None:
    assert reader.read(snippets()[name], lake) == {"now": lake.now, "then": lake.then}


@pytest.mark.parametrize("name", light(LIVE))
def test_an_engine_reads_no_hidden_row_now_and_then(
    hiding_lake: FilledLake, reader: Reader, name: str
) -> None:
    expected = {"now": hiding_lake.now, "then": hiding_lake.then}
    assert reader.read(snippets()[name], hiding_lake) == expected


def test_an_engine_leaves_out_what_was_replaced(lake: FilledLake, reader: Reader) -> None:
    day = datetime.now(UTC).date()
    latest = lake.latest_on(day)
    assert latest.rows < lake.now.rows
    assert reader.read(snippets()[LATEST].of(day), lake) == {"now": latest}


@pytest.mark.parametrize("name", light(THINNED))
def test_engines_read_thinned_and_live_snapshots_alike(
    lake: FilledLake, reader: Reader, name: str
) -> None:
    assert reader.read(snippets()[name], lake) == {"then": lake.then}


@pytest.mark.parametrize("name", light(THINNED))
def test_a_thinned_snapshot_still_has_its_rows(
    thinned_lake: FilledLake, reader: Reader, name: str
) -> None:
    assert reader.read(snippets()[name], thinned_lake) == {"then": thinned_lake.then}


def test_every_snippet_that_reads_is_run() -> None:
    assert {name for name, each in snippets().items() if each.reads} == {*LIVE, *THINNED, LATEST}
