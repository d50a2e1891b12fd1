import pytest
from flask.testing import FlaskCliRunner
from msgspec.structs import replace

from app.services import Services
from tests.factories import commit_batch, make_received


def run(runner: FlaskCliRunner, command: str) -> tuple[int, list[str]]:
    result = runner.invoke(args=["summaries", command])
    return result.exit_code, result.output.splitlines()


@pytest.mark.slow
def test_wrong_counts_are_found_and_counted_anew(
    services: Services, runner: FlaskCliRunner
) -> None:
    commit_batch(services, make_received(0, source="app"), make_received(1))
    assert run(runner, "update") == (0, ["counted 2 files"])
    assert run(runner, "check") == (0, ["all statistics are what a scan counts"])
    known = services.reading.file_counts.of(services.reading.file_counts.paths())
    path, counts = next(iter(known.items()))
    services.reading.file_counts.forget([path])
    services.reading.file_counts.store({path: replace(counts, turns=counts.turns + 1)})
    code, lines = run(runner, "check")
    assert code == 1
    assert lines == [
        "wrong: latest versions by day",
        "wrong: all versions by day",
        "Error: run `scripts/lake summaries rebuild`",
    ]
    assert run(runner, "rebuild") == (0, ["counted 2 files"])
    assert run(runner, "check")[0] == 0
