from datetime import timedelta, timezone

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.services import Services
from catalog.snapshots import tag_snapshot
from catalog.table import load_table
from tests.app.cli.errors import assert_one_line
from tests.app.releases.factories import PresetStages, make_row, make_tool_row, releases_of
from tests.factories import commit_batch, make_received


def build(runner: FlaskCliRunner, *arguments: str) -> Result:
    """Build a release without its maps, which take longer."""
    return runner.invoke(args=["release", "build", "--stage", "raw", "--no-maps", *arguments])


@pytest.mark.slow
def test_a_release_is_built_of_the_newest_snapshot(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received())
    snapshot = commit_batch(services, make_received())
    result = build(runner, "first", "--test-percent", "0")
    assert result.exit_code == 0, result.output
    folder = services.settings.releases / "first"
    assert result.stdout == (
        f"{folder}: 2 conversations in 2 files, snapshot {snapshot.snapshot_id}\n"
    )
    manifest = services.publishing.releases.find("first")
    assert manifest.licence == services.settings.licence


@pytest.mark.slow
def test_a_release_is_built_of_an_older_snapshot_with_another_licence(
    runner: FlaskCliRunner, services: Services
) -> None:
    older = commit_batch(services, make_received())
    commit_batch(services, make_received())
    result = build(runner, "old", "--snapshot", str(older.snapshot_id), "--licence", "CC0-1.0")
    assert result.exit_code == 0, result.output
    manifest = services.publishing.releases.find("old")
    assert manifest.snapshot_id == str(older.snapshot_id)
    assert (manifest.rows, manifest.licence) == (1, "CC0-1.0")


@pytest.mark.slow
def test_releases_are_listed_one_a_line(runner: FlaskCliRunner, services: Services) -> None:
    assert runner.invoke(args=["release", "list"]).output == ""
    snapshot = commit_batch(services, make_received())
    for name in ("b", "a"):
        assert build(runner, name).exit_code == 0
    result = runner.invoke(args=["release", "list"])
    assert result.exit_code == 0
    assert result.output == (
        f"a\traw\t1\t{snapshot.snapshot_id}\t1\t-\nb\traw\t1\t{snapshot.snapshot_id}\t1\t-\n"
    )


def test_an_empty_lake_has_nothing_to_release(runner: FlaskCliRunner, services: Services) -> None:
    assert_one_line(build(runner, "first"), "nothing to release")
    assert services.publishing.releases.all() == []


def test_a_release_that_cannot_be_built_is_an_error_of_one_line(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received())
    for arguments, word in (
        (["../x"], "../x"),
        (["a b"], "a b"),
        (["main"], "taken"),
        (["x", "--language", "en"], "can't be filtered by language"),
        (["x", "--min-rating", "neutral"], "can't be filtered by rating"),
        (["x", "--min-quality-score", "0.5"], "can't be filtered by quality_score"),
        (["x", "--min-quality-score", "nan"], "isn't from 0 to 1"),
        (["x", "--only-licence", "MIT"], "can't be filtered by licence"),
        (["x", "--model", "mistral-7b"], "can't be filtered by model"),
        (["x", "--no-tools"], "can't be filtered by tools"),
        (["x", "--examples"], "has no examples"),
        (["x", "--form", "preference"], "can't have the form 'preference'"),
        (["x", "--snapshot", "1"], "no snapshot for 1"),
    ):
        assert_one_line(build(runner, *arguments), word)
    assert services.publishing.releases.all() == []


@pytest.mark.slow
def test_a_name_is_used_once(runner: FlaskCliRunner, services: Services) -> None:
    commit_batch(services, make_received())
    assert build(runner, "first").exit_code == 0
    assert_one_line(build(runner, "first"), "'first'", "taken")


@pytest.mark.parametrize(
    "arguments",
    [
        ["x", "--snapshot", "newest"],
        ["x", "--snapshot", "-1"],
        ["x", "--snapshot", str(2**63)],
        ["x", "--stage", "golden"],
        ["x", "--format", "csv"],
        ["x", "--format", ""],
        ["x", "--language", "en,,de"],
        ["x", "--min-rating", "superb"],
        ["x", "--min-quality-score", "good"],
        ["x", "--test-percent", "100"],
        [],
    ],
)
def test_a_command_that_makes_no_sense_shows_its_usage(
    runner: FlaskCliRunner, arguments: list[str]
) -> None:
    result = build(runner, *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


@pytest.mark.slow
def test_a_release_is_built_of_the_snapshot_of_a_tag_or_of_a_time(
    runner: FlaskCliRunner, services: Services
) -> None:
    older = commit_batch(services, make_received())
    tag_snapshot(load_table(services.catalog), "then", older.snapshot_id)
    commit_batch(services, make_received())
    local = older.committed_at.astimezone(timezone(timedelta(hours=5))).isoformat()
    in_utc = older.committed_at.replace(tzinfo=None).isoformat()
    for name, *reference in [
        ("a", "--tag", "then"),
        ("b", "--as-of", local),
        ("c", "--as-of", in_utc),
    ]:
        result = build(runner, name, *reference)
        assert result.exit_code == 0, result.output
        manifest = services.publishing.releases.find(name)
        assert manifest.snapshot_id == str(older.snapshot_id)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--as-of", "yesterday"], "yesterday"),
        (["--as-of", "0001-01-01T00:00:00+23:00"], "--as-of"),
        (["--tag", "a", "--snapshot", "1"], "only one"),
    ],
)
def test_a_moment_that_makes_no_sense_is_a_wrong_usage(
    runner: FlaskCliRunner, options: list[str], word: str
) -> None:
    result = build(runner, "x", *options)
    assert result.exit_code == 2
    assert word in result.output


@pytest.mark.parametrize(
    "options", [["--tag", "none"], ["--as-of", "2001-01-01T00:00:00Z"], ["--snapshot", "1"]]
)
def test_an_unknown_snapshot_is_an_error_of_one_line(
    runner: FlaskCliRunner, services: Services, options: list[str]
) -> None:
    commit_batch(services, make_received())
    assert_one_line(build(runner, "x", *options), "no snapshot")


@pytest.mark.slow
def test_a_stage_is_computed_and_released_as_it_is_asked_for(
    runner: FlaskCliRunner, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, make_received())
    rows = [make_row(number, language=("en", "de")[number % 2]) for number in range(6)]
    releases = releases_of(services, PresetStages(services.catalog, rows, {"duplicate": 3}))
    monkeypatch.setattr(services.publishing, "releases", releases)
    result = runner.invoke(
        args=[
            *("release", "build", "first", "--stage", "curated", "--format", "jsonl,jsonl"),
            *("--language", "fr, en", "--min-rating", "neutral", "--test-percent", "0"),
            *("--examples", "--no-maps"),
        ]
    )
    assert result.exit_code == 0, result.output
    manifest = services.publishing.releases.find("first")
    assert manifest.parameters == {
        "formats": ["jsonl"],
        "languages": ["en", "fr"],
        "min_rating": "neutral",
        "test_percent": 0,
        "has_examples": True,
    }
    assert (manifest.rows, manifest.dropped) == (3, {"duplicate": 3, "language": 3})


@pytest.mark.slow
def test_a_release_of_pairs_is_built_and_shown(
    runner: FlaskCliRunner, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, make_received())
    pairs = [make_tool_row(number) for number in range(1, 4)]
    rows = [make_row(0), *pairs, make_tool_row(4, irregular=["ends_with_user"])]
    releases = releases_of(services, PresetStages(services.catalog, rows))
    monkeypatch.setattr(services.publishing, "releases", releases)
    result = runner.invoke(
        args=[
            *("release", "build", "first", "--stage", "curated", "--form", "preference"),
            *("--tools", "--model", "model-1", "--only-licence", "cc0-1.0", "--no-maps"),
            "--alternating",
        ]
    )
    assert result.exit_code == 0, result.output
    assert "3 pairs" in result.output
    parameters = services.publishing.releases.find("first").parameters
    asked = {
        name: parameters[name]
        for name in ("form", "licences", "models", "has_tools", "alternating")
    }
    assert asked == {
        "form": "preference",
        "licences": ["cc0-1.0"],
        "models": ["model-1"],
        "has_tools": True,
        "alternating": True,
    }
    shown = runner.invoke(args=["release", "show", "first"]).stdout
    lines = {line[:15].strip(): line[16:] for line in shown.splitlines()}
    assert (lines["pairs"], lines["known from"]) == ("3", "rating 3")
    assert lines["own licences"] == "CC0-1.0 3"


@pytest.mark.slow
def test_a_release_is_shown(runner: FlaskCliRunner, services: Services) -> None:
    snapshot = commit_batch(services, make_received())
    assert build(runner, "first", "--test-percent", "0").exit_code == 0
    shown = runner.invoke(args=["release", "show", "first"])
    assert shown.exit_code == 0
    lines = {line[:15].strip(): line[16:] for line in shown.stdout.splitlines()}
    assert (lines["name"], lines["stage"], lines["state"]) == ("first", "raw", "published")
    assert lines["place"] == str(services.settings.releases / "first")
    assert str(snapshot.snapshot_id) in lines["snapshot"]
    assert lines["splits"] == "train 1, test 0"
    assert_one_line(runner.invoke(args=["release", "show", "none"]), "no release 'none'")


@pytest.mark.slow
def test_a_release_is_removed_when_that_is_confirmed(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received())
    assert build(runner, "first").exit_code == 0
    refused = runner.invoke(args=["release", "remove", "first"], input="n\n")
    assert refused.exit_code == 1
    assert len(services.publishing.releases.all()) == 1
    removed = runner.invoke(args=["release", "remove", "first", "--yes"])
    assert removed.exit_code == 0, removed.output
    assert services.publishing.releases.all() == []
    shown = runner.invoke(args=["release", "show", "first"])
    assert "removed" in shown.stdout
    assert_one_line(build(runner, "first"), "taken")
    assert_one_line(runner.invoke(args=["release", "remove", "none", "--yes"]), "no release")


def maps_of(services: Services) -> list[str]:
    return [each.name for each in services.publishing.maps.all()]


@pytest.mark.slow
def test_a_release_is_built_with_its_maps_and_removed_with_them(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received())
    result = runner.invoke(args=["release", "build", "first", "--stage", "raw"])
    assert result.exit_code == 0, result.output
    folder = services.settings.maps / "first-raw"
    assert result.stdout.splitlines()[1:] == [f"{folder}: 1 conversation"]
    assert build(runner, "second").exit_code == 0
    assert maps_of(services) == ["first-raw"]
    assert runner.invoke(args=["release", "remove", "first", "--yes"]).exit_code == 0
    assert maps_of(services) == []


@pytest.mark.slow
def test_a_release_is_published_even_if_its_maps_cannot_be_made(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received())
    made = runner.invoke(args=["map", "build", "first-raw", "--embedding", "tfidf"])
    assert made.exit_code == 0, made.output
    result = runner.invoke(args=["release", "build", "first", "--stage", "raw"])
    assert result.exit_code == 0, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("not all maps of first are made: there is a map 'first-raw' already")
    assert [manifest.name for manifest in services.publishing.releases.all()] == ["first"]
    assert runner.invoke(args=["release", "remove", "first", "--yes"]).exit_code == 0
    assert maps_of(services) == ["first-raw"]


@pytest.mark.slow
def test_a_release_is_gated_before_or_after_it_is_built(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received())
    gated = runner.invoke(args=["release", "gate", "first"])
    assert gated.stdout == (
        "within seconds, release first and its maps need a key with the role read\n"
    )
    assert build(runner, "first").exit_code == 0
    assert "gate            read\n" in runner.invoke(args=["release", "show", "first"]).stdout
    opened = [runner.invoke(args=["release", "ungate", "first"]).stdout for _ in range(2)]
    assert opened == ["release first has no gate any more\n", "release first had no gate\n"]
    assert_one_line(runner.invoke(args=["release", "gate", "a b"]), "doesn't match")
