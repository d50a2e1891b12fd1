from flask.testing import FlaskCliRunner

from app.services import Services
from tests.factories import commit_batch, make_received


def run(runner: FlaskCliRunner, command: str) -> list[str]:
    result = runner.invoke(args=["text-index", command])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_the_index_is_built_and_dropped_by_command(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received(0, "one"), make_received(1, "two"))
    none = "indexed: 0 files with 0 rows, in 0 bytes; not indexed: 2 files with 2 rows"
    assert run(runner, "status") == [none]
    first, second, status = run(runner, "build")
    assert first.startswith("indexed 1 row in ")
    assert first.endswith("; 1 file to do")
    assert second.endswith("; 0 files to do")
    assert status.startswith("indexed: 2 files with 2 rows, in ")
    assert run(runner, "status") == [status]
    assert run(runner, "drop") == ["removed 4 files"]
    assert run(runner, "status") == [none]
