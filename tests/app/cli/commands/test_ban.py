import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.services import Services
from tests.app.access.moderation.actors import Takedowns, moderation_of
from tests.factories import commit_batch, make_contribution, make_received


def run(runner: FlaskCliRunner, *arguments: str) -> Result:
    return runner.invoke(args=list(arguments), env={"LOGNAME": "ada"})


def test_a_contributor_is_banned_listed_and_unbanned(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, *(make_received(day, contributor_id="eve") for day in range(3)))
    result = run(runner, "ban", "contributor", "eve", "bob", "--reason", "advertising")
    assert result.exit_code == 0, result.output
    assert result.stdout == "eve: 3 contributions are hidden\nbanned 2\n"
    assert result.stderr == "bob: 0 contributions are hidden\n"
    assert len(services.access.hidden.ids()) == 3
    again = run(runner, "ban", "contributor", "eve").stdout
    assert again.endswith("banned 0, 1 before\n")
    lines = [line.split("\t") for line in run(runner, "ban", "list").stdout.splitlines()]
    assert [(name, by, why) for name, _, by, why in lines] == [
        ("bob", "cli:ada", "advertising"),
        ("eve", "cli:ada", "advertising"),
    ]
    assert run(runner, "unban", "contributor", "eve").stdout == "unbanned 1\n"
    assert len(services.access.hidden.ids()) == 0
    assert len(run(runner, "ban", "list").stdout.splitlines()) == 1
    missing = run(runner, "unban", "contributor", "bob", "eve")
    assert (missing.exit_code, missing.stderr) == (1, "Error: not banned: eve\n")


def test_a_ban_with_a_takedown_erases_what_was_sent(
    runner: FlaskCliRunner, services: Services
) -> None:
    takedowns = Takedowns(services.access.hidden, services)
    services.moderation.service = moderation_of(services, takedowns)
    result = run(runner, "ban", "contributor", "eve", "--takedown")
    assert result.stdout == "banned 1\nwhat they sent is being taken down\n"
    assert takedowns.requests == [("contributor", ("eve",), None, "cli:ada")]


@pytest.mark.slow
def test_without_a_service_a_ban_with_a_takedown_erases_by_itself(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received(0, contributor_id="eve"), make_received(0))
    services.ingest.journal.append(make_contribution(contributor_id="eve"))
    result = run(runner, "ban", "contributor", "eve", "nobody", "--takedown", "--no-wait")
    assert result.exit_code == 0, result.output
    assert len(services.access.takedowns.unfinished()) == 1
    result = run(runner, "ban", "contributor", "eve", "nobody", "--takedown")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("no file of the lake holds them any more\n")
    assert services.access.takedowns.unfinished() == []
    assert len(services.access.taken_down.ids()) == 2
    assert services.access.banned_contributions.count("eve") == 0


def test_invalid_arguments_are_a_usage_error(runner: FlaskCliRunner) -> None:
    for arguments in (["ban", "contributor"], ["ban", "x"], ["unban", "contributor"]):
        assert run(runner, *arguments).exit_code == 2
