import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.services import Services
from catalog.records import Contribution
from tests.app.access.moderation.actors import REPORTERS, Takedowns, moderation_of
from tests.factories import commit_batch, make_received

UNKNOWN = "01900000-0000-7000-8000-000000000001"


@pytest.fixture
def takedowns(services: Services) -> Takedowns:
    """The takedowns that were asked for."""
    return Takedowns(services.access.hidden, services)


@pytest.fixture
def made(services: Services, takedowns: Takedowns) -> list[Contribution]:
    """Two contributions of a lake whose takedowns are only recorded."""
    services.moderation.service = moderation_of(services, takedowns)
    services.moderation.reviews._moderation = services.moderation.service
    contributions = [
        make_received(0, "My address\nis \x1b[31m\u202e here", "I see"),
        make_received(1, "x" * 300),
    ]
    commit_batch(services, *contributions)
    return contributions


@pytest.fixture(autouse=True)
def _operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")


def run(runner: FlaskCliRunner, *arguments: str) -> Result:
    return runner.invoke(args=["moderation", *arguments])


@pytest.mark.slow
def test_a_moderator_lists_shows_and_approves(
    runner: FlaskCliRunner, services: Services, made: list[Contribution]
) -> None:
    first, second = (each.contribution_id for each in made)
    result = run(runner, "quarantine", first, "--reason", "asked by mail")
    assert (result.exit_code, result.stdout) == (0, "put into quarantine: 1\n")
    services.moderation.service.report(second, "spam", "the same\x07 everywhere", REPORTERS[0])
    assert run(runner, "list").stdout.splitlines() == [
        f"{first}\thand (asked by mail)\tMy address is \\x1b[31m\\u202e here",
        f"{second}\treported as spam 1\t{'x' * 200}…",
    ]
    assert run(runner, "list", "--state", "reported").stdout.startswith(second)
    lines = run(runner, "show", first).stdout.splitlines()
    assert lines[0] == f"contribution {first}"
    assert lines[1].startswith("in quarantine since ")
    assert lines[1].endswith(" by cli:ada for hand: asked by mail")
    assert lines[3:] == [
        "contributor anonymous",
        "user: My address",
        "  is \\x1b[31m\\u202e here",
        "assistant: I see",
    ]
    shown = run(runner, "show", second).stdout
    assert f"by {REPORTERS[0][:8]} as spam: the same\\x07 everywhere\n" in shown
    approved = run(runner, "approve", first, second, "--reason", "harmless")
    assert approved.stdout == f"{first} is approved\n{second} is approved\n"
    assert run(runner, "list").stdout == ""
    log = [line.split("\t")[1:] for line in run(runner, "log").stdout.splitlines()]
    assert log == [
        ["cli:ada", "approve", "contribution", second, "harmless"],
        ["cli:ada", "approve", "contribution", first, "harmless"],
        ["cli:ada", "quarantine", "contribution", first, "asked by mail"],
    ]
    about = run(runner, "log", "--about", second, "--limit", "5").stdout
    assert len(about.splitlines()) == 1


def test_texts_of_others_cannot_look_like_decisions(
    runner: FlaskCliRunner, services: Services, made: list[Contribution]
) -> None:
    first, second = (each.contribution_id for each in made)
    forged = "x\n2026-11-29T22:47:27+00:00\tada\tapprove"
    run(runner, "quarantine", first, "--reason", forged)
    services.moderation.service.report(second, "spam", forged, REPORTERS[0])
    assert len(run(runner, "log").stdout.splitlines()) == 1
    for name in (first, second):
        shown = run(runner, "show", name).stdout
        assert "\n2026" not in shown
        assert "\\n2026-11-29T22:47:27+00:00\\tada" in shown


def test_a_rejected_contribution_is_taken_down(
    runner: FlaskCliRunner, takedowns: Takedowns, made: list[Contribution]
) -> None:
    name = made[0].contribution_id
    run(runner, "quarantine", name)
    rejected = run(runner, "reject", name, "--reason", "an address")
    assert rejected.stdout == f"{name} is rejected, and taken down\n"
    assert takedowns.requests == [("contribution", (name,), "an address", "cli:ada")]
    again = run(runner, "reject", name)
    assert again.exit_code == 1
    assert "neither in quarantine" in again.stderr


def test_without_a_service_rejecting_erases_also_when_another_id_is_wrong(
    runner: FlaskCliRunner, services: Services
) -> None:
    first, second, other = (make_received(day) for day in range(3))
    commit_batch(services, first, second, other)
    run(runner, "quarantine", first.contribution_id, second.contribution_id)
    rejected = run(runner, "reject", first.contribution_id)
    assert rejected.exit_code == 0, rejected.output
    assert rejected.stdout.endswith("taken down\nno file of the lake holds them any more\n")
    assert services.access.takedowns.unfinished() == []
    later = run(runner, "reject", second.contribution_id, other.contribution_id)
    assert later.exit_code == 1
    assert "neither in quarantine" in later.stderr
    assert services.access.takedowns.unfinished() == []
    assert len(services.access.taken_down.ids()) == 2


def test_rejecting_without_waiting_leaves_the_erasing_to_others(
    runner: FlaskCliRunner, services: Services
) -> None:
    made = make_received(0)
    commit_batch(services, made)
    run(runner, "quarantine", made.contribution_id)
    assert run(runner, "reject", made.contribution_id, "--no-wait").exit_code == 0
    assert len(services.access.takedowns.unfinished()) == 1


def test_what_is_not_in_the_lake_is_an_error(
    runner: FlaskCliRunner, services: Services, made: list[Contribution]
) -> None:
    result = run(runner, "quarantine", made[0].contribution_id, UNKNOWN)
    assert (result.exit_code, result.stderr) == (1, f"Error: no contribution {UNKNOWN}\n")
    assert len(services.access.hidden.ids()) == 0
    assert run(runner, "show", UNKNOWN).stderr == f"Error: no contribution {UNKNOWN}\n"
    assert run(runner, "approve", made[0].contribution_id).exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [["quarantine"], ["approve", "x"], ["list", "--state", "x"], ["log", "--limit", "0"]],
)
def test_invalid_arguments_are_a_usage_error(runner: FlaskCliRunner, arguments: list[str]) -> None:
    assert run(runner, *arguments).exit_code == 2
