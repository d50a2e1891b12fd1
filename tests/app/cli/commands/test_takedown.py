from threading import Thread
from uuid import uuid4

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.background.election import COMMITTER_LOCK
from app.services import Services
from app.settings import Settings
from app.state import ledger
from tests.app.takedown.lake import committing
from tests.factories import commit_batch, make_contribution, make_received


def takedown(runner: FlaskCliRunner, *arguments: str) -> Result:
    return runner.invoke(args=["takedown", *arguments])


@pytest.mark.slow
def test_without_a_service_the_command_commits_what_is_pending_and_erases(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received(0, contributor_id="ada"), make_received(0))
    services.ingest.journal.append(make_contribution(contributor_id="ada"))
    result = takedown(runner, "contributor", "ada", "--reason", "asked")
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "takedown 1: contributor ada is hidden\nno file of the lake holds them any more\n"
    )
    assert services.access.takedowns.unfinished() == []
    assert len(services.access.taken_down.ids()) == 2
    with services.database.read() as connection:
        newest = ledger.newest(connection)
    assert newest is not None
    assert newest.total_rows == 1


@pytest.mark.slow
def test_takedowns_are_listed_with_who_asked_and_why(
    runner: FlaskCliRunner, services: Services
) -> None:
    first, second = make_received(0, conversation_id="chat"), make_received(0)
    commit_batch(services, first, second)
    assert takedown(runner, "conversation", "chat", "--reason", "private").exit_code == 0
    result = takedown(runner, "contribution", second.contribution_id, "--no-wait")
    assert result.exit_code == 0, result.output
    assert "hidden" in result.stdout
    assert "no file" not in result.stdout
    newest, oldest = (line.split("\t") for line in takedown(runner, "list").stdout.splitlines())
    assert (oldest[:3], oldest[6]) == (["1", "conversation", "chat"], "private")
    assert oldest[4].startswith("cli:")
    assert newest[5:] == ["being erased", ""]
    assert takedown(runner, "run").stdout == "erased 1 takedown\n"
    assert "being erased" not in takedown(runner, "list").stdout
    assert takedown(runner, "run").stdout == "erased 0 takedowns\n"


def test_an_unknown_id_is_an_error_and_nothing_is_taken_down(
    runner: FlaskCliRunner, services: Services
) -> None:
    known, unknown = make_received(0), str(uuid4())
    commit_batch(services, known)
    result = takedown(runner, "contribution", known.contribution_id, unknown)
    assert result.exit_code == 1
    assert result.stderr == f"Error: the lake has no contribution {unknown}\n"
    assert takedown(runner, "list").stdout == ""


@pytest.mark.slow
def test_while_the_service_runs_the_command_waits_for_it(
    runner: FlaskCliRunner, services: Services, settings: Settings
) -> None:
    mine = make_received(0)
    commit_batch(services, mine)
    lock = services.database.lock(COMMITTER_LOCK)
    assert lock.try_acquire()
    results: list[Result] = []
    waiting = Thread(
        target=lambda: results.append(takedown(runner, "contribution", mine.contribution_id))
    )
    waiting.start()
    service = Services(settings)
    while not service.access.takedowns.unfinished():
        pass
    assert waiting.is_alive()
    with committing(service):
        service.takedown.service.run()
    waiting.join()
    lock.close()
    service.close()
    assert results[0].exit_code == 0, results[0].output
