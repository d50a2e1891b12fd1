"""Derived databases of SQLite that are deleted or damaged while the service uses them."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest
from flask.testing import FlaskCliRunner

from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from app.state.db import Database
from app.state.derived import DerivedLost
from tests.app.ingest.polling import wait_until
from tests.app.ingest.test_repetitions import OWNED, commit_long_ago, rows_of, submit
from tests.app.versions.oracle import index_of

_PAGE_BYTES = 4096


def _delete(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def _empty(path: Path) -> None:
    _delete(path)
    path.touch()


def _damage_head(path: Path) -> None:
    path.write_bytes(b"no database" * _PAGE_BYTES)


def _damage_pages(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:_PAGE_BYTES] + b"\xff" * (len(content) - _PAGE_BYTES))


Lose = Callable[[Path], None]


@pytest.mark.slow
@pytest.mark.parametrize("lose", [_delete, _damage_pages])
def test_the_committer_fills_an_index_that_is_lost_and_nothing_is_taken_for_new(
    services: Services, lose: Lose
) -> None:
    first = submit(services, "hello", **OWNED)
    commit_long_ago(services)
    expected = index_of(services)
    database = services.versions.index.database
    _lose(database, lose)
    with pytest.raises(DerivedLost):
        submit(services, "hello", **OWNED)
    stop = Event()
    committer = Thread(target=services.jobs.committer().run, args=[stop], daemon=True)
    committer.start()
    wait_until(lambda: not services.versions.index.is_lost(), "the index is filled")
    stop.set()
    committer.join()
    assert index_of(services) == expected
    assert submit(services, "hello", **OWNED).contribution_id == first.contribution_id
    services.jobs.committer().drain()
    assert rows_of(services) == 1


@pytest.mark.parametrize("lose", [_damage_head])
def test_a_start_makes_anew_what_is_lost(
    services: Services, runner: FlaskCliRunner, lose: Lose
) -> None:
    submit(services, "hello", **OWNED)
    services.jobs.committer().drain()
    expected = index_of(services)
    for name in ("versions", "counts"):
        _lose(services.database.derived(name), lose)
    services.versions.index.dispose()
    services.reading.file_counts.dispose()
    result = runner.invoke(args=["migrate"])
    assert result.exit_code == 0, result.output
    assert index_of(services) == expected
    assert services.reading.summary_job().step() == 1


@pytest.mark.slow
@pytest.mark.parametrize("lose", [_empty, _damage_pages])
def test_readers_count_while_counts_are_lost_and_the_job_makes_them_anew(
    services: Services, lose: Lose
) -> None:
    submit(services, "hello", **OWNED)
    services.jobs.committer().drain()
    services.reading.summary_job().step()
    database = services.database.derived("counts")
    services.reading.file_counts.dispose()
    _lose(database, lose)
    view = services.reading.snapshots.view(Reference())
    assert services.reading.statistics.count(view, Filters(), ["source"]).total_groups == 1
    assert services.reading.summary_job().step() == 1


def _lose(database: Database, lose: Lose) -> None:
    """Lose a database whose log is in its file, as after a while without writers."""
    database.checkpoint(0)
    database.dispose()
    lose(Path(str(database.url.database)))
