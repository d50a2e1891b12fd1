import re
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.query.snapshots import Reference
from app.services import Services
from catalog.maintenance.thinning import thin
from catalog.records import Turn
from catalog.stages.builds import source_of
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.app.cli.errors import assert_one_line
from tests.factories import commit_batch, make_received

QUESTION = "What should I know about the tides, please?"
ANSWER = "That the moon makes them, twice a day. Mail ada@quillmere.net to know more about it."


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=1))


def curate(runner: FlaskCliRunner, *options: str) -> Result:
    return runner.invoke(args=["curate", *options])


def explained(runner: FlaskCliRunner, contribution_id: str) -> list[str]:
    result = curate(runner, "--explain", contribution_id)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


@pytest.mark.slow
def test_the_counts_of_every_reason_are_printed(runner: FlaskCliRunner, services: Services) -> None:
    good = make_received(0, QUESTION, ANSWER)
    snapshot = commit_batch(
        services, good, make_received(1, QUESTION, ANSWER), make_received(1, " ")
    )
    result = curate(runner)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split() for line in lines[:-1]] == [
        ["contributions", "3"],
        ["empty", "-1"],
        ["duplicate", "-1"],
        ["curated", "1"],
    ]
    table = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    newest = table.current_snapshot()
    assert newest
    assert lines[-1] == (
        f"curated of snapshot {snapshot.snapshot_id} is snapshot {newest.snapshot_id}; "
        "contributions cleaned: 3"
    )
    assert "contributions cleaned: 0" in curate(runner).stdout


@pytest.mark.slow
def test_an_older_snapshot_can_be_cleaned_alone(runner: FlaskCliRunner, services: Services) -> None:
    older = commit_batch(services, make_received(0, QUESTION, ANSWER))
    commit_batch(services, make_received(0, QUESTION, ANSWER))
    result = curate(runner, "--stage", "cleaned", "--snapshot", str(older.snapshot_id))
    assert result.exit_code == 0, result.output
    assert re.search(r"^cleaned +1$", result.stdout, re.MULTILINE)
    sources = [
        source_of(load_table(services.catalog, stage.rows)) for stage in COMPUTED_STAGES.values()
    ]
    assert sources == [older.snapshot_id, None]


def test_an_empty_lake_has_nothing_to_curate(runner: FlaskCliRunner) -> None:
    assert_one_line(curate(runner), "nothing to curate")


def test_a_snapshot_that_never_was_cannot_be_curated(
    runner: FlaskCliRunner, services: Services
) -> None:
    commit_batch(services, make_received(0))
    assert_one_line(curate(runner, "--snapshot", "1"), "no snapshot for 1")


@pytest.mark.slow
def test_the_fate_of_each_contribution_is_explained(
    runner: FlaskCliRunner, services: Services
) -> None:
    mine = {"contributor_id": "ada", "conversation_id": "chat"}
    old = make_received(0, "old", "answer", **mine)
    kept = make_received(0, QUESTION, ANSWER)
    copy = make_received(1, QUESTION, ANSWER)
    empty = make_received(1, " ")
    rated = (Turn(QUESTION, "user"), Turn(ANSWER, "assistant", "negative"))
    bad = make_received(1, conversation=rated)
    eve = make_received(1, "private words", "of eve", contributor_id="eve")
    commit_batch(services, old, kept, copy, empty, bad, eve)
    new = make_received(1, "What is new about tides?", "Not that much, I would say.", **mine)
    snapshot = commit_batch(services, new)
    assert runner.invoke(args=["ban", "contributor", "eve"]).exit_code == 0
    hidden = runner.invoke(args=["moderation", "quarantine", eve.contribution_id])
    assert hidden.exit_code == 0
    assert explained(runner, kept.contribution_id) == [
        f"contribution {kept.contribution_id}",
        "the latest version of its conversation",
        "cleaned: not built yet; run scripts/lake curate",
        "curated: not built yet; run scripts/lake curate",
    ]
    assert curate(runner).exit_code == 0
    cleaned, curated = (
        f"{stage} of snapshot {snapshot.snapshot_id}: " for stage in COMPUTED_STAGES
    )
    lines = explained(runner, kept.contribution_id)
    assert lines[2].startswith(f"{cleaned}kept; language en (")
    assert lines[3].startswith(f"{curated}kept; language en (")
    assert lines[2].endswith("masked: 1 email")
    assert explained(runner, copy.contribution_id)[3] == (
        f"{curated}left out: duplicate (1), {kept.contribution_id} was kept instead"
    )
    assert explained(runner, bad.contribution_id)[3].startswith(
        f"{curated}left out: rated_negative"
    )
    assert explained(runner, empty.contribution_id)[2:] == [
        f"{cleaned}left out: empty",
        f"{curated}left out by cleaned already",
    ]
    assert explained(runner, old.contribution_id)[1:] == [
        f"superseded by its later version {new.contribution_id}",
        f"{cleaned}left out: superseded",
        f"{curated}left out: superseded",
    ]
    lines = explained(runner, eve.contribution_id)
    assert lines[2] == "hidden: ban, quarantine"
    assert lines[3:] == [f"{cleaned}left out: hidden", f"{curated}left out: hidden"]
    late = make_received(1, "Later", "on")
    commit_batch(services, late)
    assert (
        "the stage was built before the contribution came"
        in explained(runner, late.contribution_id)[2]
    )


@pytest.mark.slow
def test_the_kept_duplicate_is_explained_through_later_rules(
    runner: FlaskCliRunner, services: Services
) -> None:
    longer = make_received(0, QUESTION, f"{ANSWER} Truly.")
    original, copy = make_received(1, QUESTION, ANSWER), make_received(2, QUESTION, ANSWER)
    commit_batch(services, longer, original, copy)
    assert curate(runner).exit_code == 0
    line = explained(runner, copy.contribution_id)[3]
    reasons = re.escape(f"left out: duplicate (1) of {original.contribution_id}, which was then ")
    assert re.search(rf"{reasons}left out: near_duplicate \(0\.9\d*\), ", line)
    assert line.endswith(f", {longer.contribution_id} was kept instead")


def test_an_unknown_contribution_cannot_be_explained(
    runner: FlaskCliRunner, services: Services
) -> None:
    assert_one_line(curate(runner, "--explain", str(uuid4())), "no contribution")
    commit_batch(services, make_received(0))
    assert_one_line(curate(runner, "--explain", str(uuid4())), "no contribution")


@pytest.mark.parametrize("options", [["--stage", "raw"], ["--explain", "x"], ["--snapshot", "x"]])
def test_invalid_options_are_a_usage_error(runner: FlaskCliRunner, options: list[str]) -> None:
    assert curate(runner, *options).exit_code == 2


@pytest.mark.slow
def test_under_an_embargo_stages_are_built_of_the_newest_public_snapshot(
    runner: FlaskCliRunner, services: Services
) -> None:
    old, young = (commit_batch(services, make_received(day, QUESTION, ANSWER)) for day in (0, 1))
    services.access.embargo.age = timedelta(hours=1)
    services.access.embargo.clock = lambda: old.committed_at + timedelta(hours=1)
    refused = curate(runner, "--snapshot", str(young.snapshot_id))
    assert_one_line(refused, f"snapshot {young.snapshot_id} is public from")
    assert curate(runner, "--stage", "cleaned").exit_code == 0
    table = load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows)
    assert source_of(table) == old.snapshot_id
    # Whether it is live makes no difference.
    services.access.embargo.clock = lambda: young.committed_at + timedelta(hours=1)
    commit_batch(services, make_received(2, QUESTION, ANSWER))
    raw = load_table(services.catalog)
    thin(raw, [young], young.committed_at)
    assert services.reading.snapshots.find_public(Reference()) == young
    services.access.embargo.clock = lambda: old.committed_at
    assert_one_line(curate(runner), "has no snapshot yet")


@pytest.mark.slow
def test_what_scorers_could_not_be_asked_and_what_they_put_into_quarantine_is_told(
    runner: FlaskCliRunner, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(
        services.settings,
        scorers="tests.app.curation.scorers.judging:Shouting",
        quarantine_scores="shouting>0.9",
    )
    monkeypatch.setattr(services, "settings", asked)
    commit_batch(services, make_received(0, "GO AWAY", "Why?"), make_received(0, "HELLO", "Hi"))
    result = curate(runner, "--stage", "cleaned")
    assert result.exit_code == 0, result.output
    *_, quarantined, unscored = result.stdout.splitlines()
    assert quarantined == "put into quarantine by their scores: 1"
    assert unscored == (
        "without scores, since a scorer couldn't be asked: 1; run scripts/lake curate again"
    )
