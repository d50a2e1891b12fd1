"""Evaluation sets, from the command that adds one to the card of a release."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.services import Services
from tests.app.cli.errors import assert_one_line
from tests.factories import commit_batch, make_received

EXAM = (
    "A farmer keeps 24 brown hens and half as many white ones, and each lays 5 eggs in a week. "
    "How many dozens of eggs does she sell in four weeks if a ninth of them breaks on the way?"
)
POEM = "灯台守の一日を、波の音から始めて二百字ほどの詩にしてください。"
ANSWER = "That depends on the hens, but let us work it out together, one step after another."


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=1))


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    """A file with an evaluation set."""
    path = tmp_path / "exam.jsonl"
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in (EXAM, POEM)))
    return path


def decontaminate(runner: FlaskCliRunner, *arguments: str | Path) -> Result:
    return runner.invoke(args=["decontaminate", *map(str, arguments)])


def add(runner: FlaskCliRunner, path: Path, name: str = "exam") -> Result:
    options = ("--name", name, "--version", "2026-11", "--licence", "CC-BY-4.0")
    return decontaminate(runner, "add", path, *options)


def run(runner: FlaskCliRunner, *arguments: str) -> str:
    result = runner.invoke(args=arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_sets_are_added_listed_and_removed(runner: FlaskCliRunner, exam: Path) -> None:
    result = add(runner, exam)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("exam 2026-11 has 2 items, SHA-256 ")
    listed = [line.split("\t") for line in decontaminate(runner, "list").stdout.splitlines()]
    assert [(line[0], line[2]) for line in listed] == [
        ("bfcl", "Apache-2.0"),
        ("exam", "CC-BY-4.0"),
        ("humaneval", "MIT"),
        ("longbench-write", "Apache-2.0"),
    ]
    assert decontaminate(runner, "remove", "exam").stdout.startswith("exam is removed")
    assert "exam" not in decontaminate(runner, "list").stdout


def test_errors_have_one_line(runner: FlaskCliRunner, exam: Path, tmp_path: Path) -> None:
    add(runner, exam)
    assert_one_line(add(runner, exam), "there is an evaluation set 'exam'")
    assert_one_line(decontaminate(runner, "remove", "other"), "no evaluation set 'other'")
    assert_one_line(decontaminate(runner, "remove", "humaneval"), "is shipped")
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "x"}\n')
    assert_one_line(add(runner, bad, "bad"), "row 1: 'prompt' is no text")


@pytest.mark.slow
def test_a_planted_set_is_left_out_explained_and_named_on_the_card(
    runner: FlaskCliRunner, services: Services, exam: Path
) -> None:
    assert add(runner, exam).exit_code == 0
    planted = [
        make_received(0, EXAM, ANSWER),
        make_received(0, f"Please help me with my homework: {EXAM.upper()} I am stuck.", ANSWER),
        make_received(1, f"日本語で。{POEM}", "波がよせてはかえす、灯台の朝。" * 3),
    ]
    kept = make_received(1, "How many dozens of eggs does a farmer sell?", ANSWER)
    commit_batch(services, *planted, kept)
    assert "contaminated   -3" in run(runner, "curate")
    lines = run(runner, "curate", "--explain", planted[1].contribution_id).splitlines()
    assert lines[-1].endswith(": left out: contaminated (1) by exam")
    run(runner, "release", "build", "first", "--stage", "curated", "--no-maps")
    manifest = services.publishing.releases.find("first")
    assert manifest.dropped == {"contaminated": 3}
    counts = {checked.name: checked.dropped for checked in manifest.evaluation_sets}
    assert counts == {"bfcl": 0, "exam": 3, "humaneval": 0, "longbench-write": 0}
    assert '"exam","2026-11"' in manifest.rules["curating"]
    card = (services.settings.releases / "first" / "README.md").read_text()
    assert "| `exam` | `2026-11` | `CC-BY-4.0` | 2 | 3 |" in card
    assert "| `humaneval` | `1.0.3` | `MIT` | 164 | 0 |" in card
    assert "contributions cleaned: 0" in run(runner, "curate")
    assert decontaminate(runner, "remove", "exam").exit_code == 0
    assert "contributions cleaned: 4" in run(runner, "curate")
    run(runner, "release", "build", "second", "--stage", "curated", "--no-maps")
    assert "contaminated" not in services.publishing.releases.find("second").dropped
