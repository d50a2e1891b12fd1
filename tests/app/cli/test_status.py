from flask.testing import FlaskCliRunner

from app.releases.build import build_raw
from app.services import Services
from catalog.table import load_table
from tests.factories import commit_batch, make_contribution, make_received


def status(runner: FlaskCliRunner) -> dict[str, str]:
    """Return what the command shows, by its first words."""
    result = runner.invoke(args=["status"])
    assert result.exit_code == 0, result.output
    return {line[:15].strip(): line[16:] for line in result.output.splitlines()}


def test_an_empty_lake_has_nothing_to_show(runner: FlaskCliRunner) -> None:
    shown = status(runner)
    assert shown == {
        "home": shown["home"],
        "waiting": "0 contributions, 0 bytes",
        "committing": "nothing",
        "snapshot": "none yet",
        "live snapshots": "0",
        "releases": "0",
    }
    assert shown["home"].endswith("/home")


def test_the_status_tells_what_the_lake_holds(runner: FlaskCliRunner, services: Services) -> None:
    commit_batch(services, make_received(), make_received())
    snapshot = commit_batch(services, make_received())
    build_raw(load_table(services.catalog), snapshot, services.settings.releases, "first", "x")
    shown = status(runner)
    assert shown["snapshot"] == f"{snapshot.snapshot_id} of {snapshot.committed_at.isoformat()}"
    assert shown["contributions"] == "3, all versions"
    assert shown["live snapshots"] == "2"
    assert shown["releases"] == "1"


def test_the_status_tells_what_waits_and_what_is_being_committed(
    runner: FlaskCliRunner, services: Services
) -> None:
    services.journal.append(make_contribution())
    shown = status(runner)
    assert shown["waiting"].startswith("1 contributions, ")
    assert shown["committing"] == "nothing"
    batch_id = services.journal.claim(max_rows=10, max_bytes=10**6)
    shown = status(runner)
    assert shown["committing"] == str(batch_id)
    services.committer().drain()
    shown = status(runner)
    assert shown["waiting"] == "0 contributions, 0 bytes"
    assert shown["committing"] == "nothing"
