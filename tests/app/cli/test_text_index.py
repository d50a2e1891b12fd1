import pytest
from flask.testing import FlaskCliRunner

from app.query.text_index import folder
from app.services import Services
from tests.factories import commit_batch, make_received


def run(runner: FlaskCliRunner, command: str) -> list[str]:
    result = runner.invoke(args=["text-index", command])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_the_index_is_built_and_dropped_by_command(
    runner: FlaskCliRunner, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "FEWEST_ROWS", 1)
    commit_batch(services, make_received(0, "one"), make_received(1, "two"))
    none = "0 files with 0 rows are indexed in 0 bytes; 2 files with 2 rows aren't"
    assert run(runner, "status") == [none]
    first, second, status = run(runner, "build")
    assert first.startswith("indexed 1 rows in ")
    assert first.endswith("; 1 files are left")
    assert second.endswith("; 0 files are left")
    assert status.startswith("2 files with 2 rows are indexed in ")
    assert run(runner, "status") == [status]
    assert run(runner, "drop") == ["removed 2 files"]
    assert run(runner, "status") == [none]
