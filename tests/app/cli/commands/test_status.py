import sqlite3
from contextlib import closing
from threading import Event

import pytest
from flask.testing import FlaskCliRunner

from app import create_app
from app.background.election import COMMITTER_LOCK, leadership
from app.services import Services
from app.settings import Settings
from catalog.stages.builds import replace_files
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_contribution, make_received


def shown(output: str) -> dict[str, str]:
    """Return the values that the command shows, by title."""
    return {line[:15].strip(): line[16:] for line in output.splitlines()}


def status(runner: FlaskCliRunner) -> dict[str, str]:
    result = runner.invoke(args=["status"])
    assert result.exit_code == 0, result.output
    return shown(result.stdout)


def test_an_empty_lake_has_nothing_to_show(runner: FlaskCliRunner, settings: Settings) -> None:
    assert status(runner) == {
        "home": str(settings.home),
        "database": f"sqlite:///{settings.home}/chatlake.db",
        "catalog": f"sqlite:///{settings.home}/catalog.db",
        "warehouse": f"file://{settings.home}/warehouse",
        "waiting": "0 contributions",
        "committing": "nothing",
        "committer": "doesn't run",
        "last commit": "none yet",
        "contributions": "0, all versions",
        "data files": "0, 0 bytes",
        "live snapshots": "0",
        "releases": "0",
    }


@pytest.mark.slow
@pytest.mark.both
def test_status_shows_the_contents_of_the_lake(runner: FlaskCliRunner, services: Services) -> None:
    commit_batch(services, make_received(), make_received())
    snapshot = commit_batch(services, make_received())
    services.publishing.releases.build(make_recipe("first"), snapshot)
    cleaned = load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows)
    replace_files(cleaned, lambda _: True, [], {})
    told = status(runner)
    assert told["cleaned"] == "0, 0 bytes, 1 live snapshot"
    assert "curated" not in told
    assert told["snapshot"] == str(snapshot.snapshot_id)
    assert "ago, 1 row, at " in told["last commit"]
    assert snapshot.committed_at.isoformat(timespec="seconds") in told["last commit"]
    assert told["contributions"] == "3, all versions"
    assert told["data files"].startswith("2, ")
    assert told["data files"].endswith(" kB")
    assert told["live snapshots"] == "2"
    assert told["releases"] == "1"


@pytest.mark.both
def test_status_shows_the_backlog_and_the_open_claim(
    runner: FlaskCliRunner, services: Services
) -> None:
    services.ingest.journal.append(make_contribution())
    told = status(runner)
    assert told["waiting"].startswith("1 contribution, ")
    assert ", the oldest for 0:00:0" in told["waiting"]
    assert told["committing"] == "nothing"
    batch_id = services.ingest.claims.claim(max_rows=10, max_bytes=10**6)
    told = status(runner)
    assert told["committing"].startswith(f"batch {batch_id} for 0:00:0")
    services.jobs.committer().drain()
    told = status(runner)
    assert told["waiting"] == "0 contributions"
    assert told["committing"] == "nothing"


@pytest.mark.both
def test_the_status_tells_whether_a_committer_runs(
    runner: FlaskCliRunner, services: Services
) -> None:
    lock = services.database.lock(COMMITTER_LOCK)
    with leadership(lock, Event(), on_loss=lambda: None):
        assert status(runner)["committer"] == "runs"
    assert status(runner)["committer"] == "doesn't run"


def test_status_names_unreadable_parts_and_shows_the_rest(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received())
    with closing(sqlite3.connect(services.settings.home / "chatlake.db")) as connection:
        connection.execute("DROP TABLE journal")
    result = runner.invoke(args=["status"])
    assert result.exit_code == 1
    told = shown(result.stdout)
    assert "no such table: journal" in told["journal"]
    assert told["contributions"] == "1, all versions"
    assert "snapshot" in told
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: can't read journal;")


@pytest.mark.both
@pytest.mark.parametrize("where", ["user:hush@127.0.0.1/x", "127.0.0.1/x?password=hush"])
def test_no_secret_is_shown(services: Services, where: str) -> None:
    settings = Settings.at(
        services.settings.home, catalog_uri=f"postgresql+psycopg://{where}", s3_region="nowhere"
    )
    result = create_app(settings).test_cli_runner().invoke(args=["status"])
    assert "127.0.0.1/x" in result.stdout
    assert "hush" not in result.output
