import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.services import Services
from tests.app.cli.errors import assert_one_line
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received


def build(runner: FlaskCliRunner, *arguments: str) -> Result:
    return runner.invoke(args=["map", "build", "--embedding", "tfidf", *arguments])


@pytest.mark.slow
def test_a_map_is_built_of_the_newest_raw_snapshot(
    runner: FlaskCliRunner, services: Services
) -> None:
    snapshot = commit_batch(services, make_received(), make_received())
    result = build(runner, "today")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert result.stdout == (
        f"{services.settings.maps / 'today'}: 2 conversations in 0 clusters, raw, "
        f"snapshot {snapshot.snapshot_id}\n"
    )
    assert services.publishing.maps.find("today").parameters.embedding == "tfidf"


@pytest.mark.slow
def test_a_map_is_built_of_the_pairs_of_an_older_snapshot(
    runner: FlaskCliRunner, services: Services
) -> None:
    older = commit_batch(services, make_received(0, "One?", "1", "Two?", "2"))
    commit_batch(services, make_received())
    result = build(runner, "old", "--snapshot", str(older.snapshot_id), "--kind", "pairs")
    assert result.exit_code == 0, result.output
    made = services.publishing.maps.find("old")
    assert (made.rows, made.parameters.kind) == (2, "pairs")
    assert made.source.snapshot_id == str(older.snapshot_id)


@pytest.mark.slow
def test_a_map_is_built_of_a_release(runner: FlaskCliRunner, services: Services) -> None:
    snapshot = commit_batch(services, make_received())
    services.publishing.releases.build(make_recipe("first"), snapshot)
    commit_batch(services, make_received())
    result = build(runner, "of-first", "--release", "first")
    assert result.exit_code == 0, result.output
    made = services.publishing.maps.find("of-first")
    assert (made.source.release, made.rows) == ("first", 1)


@pytest.mark.slow
def test_maps_are_listed_one_a_line_and_removed(runner: FlaskCliRunner, services: Services) -> None:
    assert runner.invoke(args=["map", "list"]).output == ""
    number = commit_batch(services, make_received()).snapshot_id
    for name in ("b", "a"):
        assert build(runner, name).exit_code == 0
    listed = runner.invoke(args=["map", "list"])
    assert listed.exit_code == 0
    assert listed.output == f"a\traw\t1\t{number}\nb\traw\t1\t{number}\n"
    assert runner.invoke(args=["map", "remove", "a"]).exit_code == 0
    assert runner.invoke(args=["map", "list"]).output == f"b\traw\t1\t{number}\n"
    assert_one_line(runner.invoke(args=["map", "remove", "a"]), "no map 'a'")


def test_a_map_that_cannot_be_built_is_an_error_of_one_line(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received())
    assert build(runner, "taken").exit_code == 0
    for arguments, word in (
        (["../x"], "../x"),
        (["taken"], "'taken'"),
        (["x", "--snapshot", "1"], "no snapshot for 1"),
        (["x", "--stage", "curated"], "build the stage first"),
        (["x", "--release", "none"], "no release 'none'"),
    ):
        assert_one_line(build(runner, *arguments), word)
    assert len(runner.invoke(args=["map", "list"]).output.splitlines()) == 1


def test_an_empty_lake_has_nothing_to_map(runner: FlaskCliRunner) -> None:
    assert_one_line(build(runner, "x"), "would be empty")


@pytest.mark.parametrize(
    "arguments",
    [
        ["x", "--stage", "golden"],
        ["x", "--kind", "words"],
        ["x", "--embedding", "magic"],
        ["x", "--release", "first", "--stage", "raw"],
        ["x", "--release", "first", "--snapshot", "1"],
        [],
    ],
)
def test_a_command_that_makes_no_sense_shows_its_usage(
    runner: FlaskCliRunner, arguments: list[str]
) -> None:
    result = build(runner, *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_a_map_is_gated_and_ungated(runner: FlaskCliRunner, services: Services) -> None:
    gated = runner.invoke(args=["map", "gate", "first", "--role", "operate"])
    assert gated.stdout == "within seconds, map first needs a key with the role operate\n"
    assert services.access.policy.map("first", "raw", None) == {"operate"}
    opened = [runner.invoke(args=["map", "ungate", "first"]).stdout for _ in range(2)]
    assert opened == ["map first has no gate any more\n", "map first had no gate\n"]
    assert_one_line(runner.invoke(args=["map", "gate", "a b"]), "doesn't match")
