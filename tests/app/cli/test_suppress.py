from uuid import uuid4

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.services import Services
from tests.factories import commit_batch, make_received


def suppress(runner: FlaskCliRunner, *arguments: str) -> Result:
    return runner.invoke(args=["suppress", *arguments])


def test_suppressions_are_listed_and_lifted(runner: FlaskCliRunner, services: Services) -> None:
    made = [make_received(0), make_received(1, contributor_id="eve")]
    commit_batch(services, *made)
    result = suppress(runner, "contribution", made[0].contribution_id, "--reason", "private")
    assert result.exit_code == 0, result.output
    assert result.stdout == "suppressed 1; what is built from now on leaves them out\n"
    assert result.stderr == ""
    assert suppress(runner, "contributor", "eve").exit_code == 0
    listed = [line.split("\t") for line in suppress(runner, "list").stdout.splitlines()]
    assert [(kind, name, reason) for kind, name, _, reason in listed] == [
        ("contribution", made[0].contribution_id, "private"),
        ("contributor", "eve", ""),
    ]
    assert suppress(runner, "lift", "contributor", "eve").stdout == "lifted 1\n"
    assert len(suppress(runner, "list").stdout.splitlines()) == 1


def test_a_contribution_that_is_not_in_the_lake_has_none_suppressed(
    runner: FlaskCliRunner, services: Services
) -> None:
    known = make_received(0)
    commit_batch(services, known)
    unknown = str(uuid4())
    result = suppress(runner, "contribution", known.contribution_id, unknown)
    assert result.exit_code == 1
    assert result.stderr == f"Error: no contribution {unknown}\n"
    assert suppress(runner, "list").stdout == ""


def test_a_contributor_of_nothing_yet_is_suppressed_with_a_warning(
    runner: FlaskCliRunner,
) -> None:
    result = suppress(runner, "contributor", "eve")
    assert result.exit_code == 0
    assert result.stderr == "eve has sent nothing so far; what comes later is left out\n"
    assert "eve" in suppress(runner, "list").stdout


def test_suppressing_a_superseded_version_warns_of_the_later_one(
    runner: FlaskCliRunner, services: Services
) -> None:
    mine = {"contributor_id": "ada", "conversation_id": "chat"}
    old, new = make_received(0, **mine), make_received(1, **mine)
    commit_batch(services, old)
    commit_batch(services, new)
    result = suppress(runner, "contribution", old.contribution_id)
    assert result.exit_code == 0
    assert new.contribution_id in result.stderr
    assert suppress(runner, "contribution", new.contribution_id).stderr == ""


def test_a_contribution_is_suppressed_with_the_versions_it_superseded(
    runner: FlaskCliRunner, services: Services
) -> None:
    mine = {"contributor_id": "ada", "conversation_id": "chat"}
    versions = [make_received(number, **mine) for number in range(3)]
    other = make_received(3, contributor_id="ada", conversation_id="another chat")
    for each in [*versions, other]:
        commit_batch(services, each)
    result = suppress(runner, "contribution", versions[1].contribution_id)
    assert result.stdout.startswith("suppressed 2;")
    assert versions[2].contribution_id in result.stderr
    result = suppress(runner, "contribution", versions[2].contribution_id)
    assert result.stdout.startswith("suppressed 1, 2 were so before;")
    assert {each.identifier for each in services.suppressions.entries()} == {
        each.contribution_id for each in versions
    }


def test_an_earlier_suppression_is_reported(runner: FlaskCliRunner) -> None:
    suppress(runner, "contributor", "eve")
    result = suppress(runner, "contributor", "eve", "bob")
    assert result.stdout.startswith("suppressed 1, 1 were so before;")


def test_a_missing_suppression_cannot_be_lifted(runner: FlaskCliRunner) -> None:
    result = suppress(runner, "lift", "contributor", "eve")
    assert result.exit_code == 1
    assert result.stderr == "Error: not suppressed: contributor eve\n"


@pytest.mark.parametrize(
    "arguments", [["contribution", "x"], ["contribution"], ["contributor"], ["lift", "turn", "x"]]
)
def test_invalid_arguments_are_a_usage_error(runner: FlaskCliRunner, arguments: list[str]) -> None:
    assert suppress(runner, *arguments).exit_code == 2
