"""Lists of takedowns: a lake that is restored from a backup takes down again."""

import json
import shutil
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from flask.testing import FlaskCliRunner
from msgspec.structs import replace

from app.access.takedowns.records import TakenDown, requester
from app.ingest.errors import TakenDownBefore
from app.services import Services, services_of
from app.settings import Settings
from app.takedown.lists import Applied, ListMalformed
from app.takedown.verify.verification import verify
from tests.factories import (
    UNGUESSABLE,
    commit_batch,
    make_contribution,
    make_contribution_id,
    make_submission,
)
from tests.lakes import opened_app

TEXTS: Final = ("the text of the first", "the text of the second", "the text of the third")
LATER: Final = "a text that came after the backup"


def submit(services: Services, text: str) -> str:
    """Submit a text, and return its contribution_id."""
    return services.ingest.intake.submit(json.dumps(make_submission(text)).encode()).contribution_id


def take_down(services: Services, *ids: str) -> None:
    services.takedown.service.request("contribution", ids, reason="private", requested_by="test")
    services.jobs.committer().drain()
    services.takedown.service.run()


@pytest.mark.slow
def test_a_restored_lake_takes_down_again_what_was_taken_down_since(
    settings: Settings, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    with opened_app(settings) as app:
        services = services_of(app)
        ids = [submit(services, text) for text in TEXTS[:2]]
        services.jobs.committer().drain()
        ids.append(submit(services, TEXTS[2]))
    shutil.copytree(settings.home, backup)
    with opened_app(settings) as app:
        services = services_of(app)
        later = submit(services, LATER)
        services.jobs.committer().drain()
        take_down(services, ids[0], ids[2], later)
        lines = list(services.takedown.lists.lines())
    assert not any(text in line for line in lines for text in (*TEXTS, LATER, "private"))

    shutil.rmtree(settings.home)
    shutil.copytree(backup, settings.home)
    gone = [UUID(ids[0]), UUID(ids[2]), UUID(later)]
    assert verify(settings, gone, TEXTS[0]).findings
    with opened_app(settings) as app:
        services = services_of(app)
        assert services.takedown.lists.apply(lines, "test") == Applied(
            known=0, taken_down=2, recorded=1, unrecorded=0
        )
        services.jobs.committer().drain()
        services.takedown.service.run()
        rows = services.reading.snapshots.table().scan().to_arrow()
        assert rows["contribution_id"].to_pylist() == [ids[1]]
        for text in (TEXTS[0], TEXTS[2], LATER):
            with pytest.raises(TakenDownBefore):
                submit(services, text)
        again = services.takedown.lists.apply(lines, "test")
        assert again == Applied(known=3, taken_down=0, recorded=0, unrecorded=0)
    for text in (TEXTS[0], TEXTS[2], LATER):
        report = verify(settings, gone, text)
        assert report.findings == set()
        assert report.opened["Parquet"] >= 1


def test_a_list_tells_what_owners_withdrew_for_themselves(services: Services) -> None:
    owner = services.access.ids.contributor_id(UNGUESSABLE)
    kept, lost = (make_contribution(text, contributor_id=owner) for text in ("kept", "lost"))
    commit_batch(services, kept)
    entries = [
        {
            "contribution_id": each.contribution_id,
            "conversation_id": each.conversation_id,
            "content_hash": each.content_hash,
            "withdrawn_by": owner,
        }
        for each in (kept, lost)
    ]
    lines = [json.dumps(entry) for entry in entries]
    assert services.takedown.lists.apply(lines, "test") == Applied(0, 1, 1, 0)
    again = [json.loads(line) for line in services.takedown.lists.lines()]
    assert [{**entry, "taken_down_at": None} for entry in again] == [
        {**entry, "taken_down_at": None} for entry in entries
    ]
    refused = services.ingest.refusals.current()
    for each in (kept, lost):
        elsewhere = replace(each, conversation_id="x")
        assert isinstance(refused.reason(elsewhere), TakenDownBefore)
        assert refused.reason(replace(elsewhere, contributor_id="another")) is None


@pytest.mark.both
def test_a_list_keeps_that_a_moderator_had_taken_down_what_its_owner_had_withdrawn(
    services: Services,
) -> None:
    owner = services.access.ids.contributor_id(UNGUESSABLE)
    made = make_contribution("withdrawn", contributor_id=owner)
    commit_batch(services, made)
    ids = [made.contribution_id]
    services.takedown.service.request(
        "contribution", ids, reason=None, requested_by=requester(owner)
    )
    (alone,) = services.takedown.lists.lines()
    assert json.loads(alone)["withdrawn_by"] == owner
    services.takedown.service.request("contribution", ids, reason=None, requested_by="moderator-1")
    (widened,) = services.takedown.lists.lines()
    assert "withdrawn_by" not in json.loads(widened)
    assert services.takedown.lists.apply([widened], "test") == Applied(1, 0, 0, 0)
    assert len(services.access.takedowns.newest(10)) == 2


@pytest.mark.both
@pytest.mark.parametrize("is_erased", [False, True])
def test_a_lake_restored_from_between_widens_a_withdrawal(
    services: Services, is_erased: bool
) -> None:
    owner = services.access.ids.contributor_id(UNGUESSABLE)
    made = make_contribution("withdrawn", contributor_id=owner)
    commit_batch(services, made)
    ids = [made.contribution_id]
    services.takedown.service.request(
        "contribution", ids, reason=None, requested_by=requester(owner)
    )
    if is_erased:
        services.takedown.service.run()
    (line,) = services.takedown.lists.lines()
    entry = json.loads(line)
    del entry["withdrawn_by"]
    elsewhere = replace(made, conversation_id="x", contributor_id="another")
    assert services.ingest.refusals.current().reason(elsewhere) is None
    assert services.takedown.lists.apply([json.dumps(entry)], "test") == Applied(1, 0, 0, 0)
    services.ingest.refusals._taken_down.forget()
    assert isinstance(services.ingest.refusals.current().reason(elsewhere), TakenDownBefore)


def test_pages_of_the_feed_are_applied_too(services: Services) -> None:
    contribution = make_contribution()
    commit_batch(services, contribution)
    unknown = make_contribution_id()
    page = {
        "taken_down": [
            {"contribution_id": each, "taken_down_at": "2026-11-29T00:00:00+00:00"}
            for each in (contribution.contribution_id, unknown)
        ],
        "next_cursor": "x",
        "more": False,
    }
    applied = services.takedown.lists.apply([json.dumps(page), "\n"], "test")
    assert applied == Applied(known=0, taken_down=1, recorded=0, unrecorded=1)
    assert services.access.hidden.ids().to_pylist() == [contribution.contribution_id]


@pytest.mark.parametrize(
    "line", ["no JSON", "[]", "{}", '{"contribution_id": "x"}', '{"taken_down": 1}']
)
def test_a_wrong_line_is_named(services: Services, line: str) -> None:
    good = json.dumps({"contribution_id": make_contribution_id()})
    with pytest.raises(ListMalformed, match="line 2 of the list") as refusal:
        services.takedown.lists.apply([good, line], "test")
    assert refusal.value.line == 2


@pytest.fixture
def taken_down(services: Services) -> str:
    """The contribution_id of a takedown that is recorded."""
    contribution_id = make_contribution_id()
    row = TakenDown(contribution_id, "0" * 32, "f" * 64, 1)
    services.access.takedowns.record(
        "contribution", contribution_id, [row], reason=None, requested_by="x"
    )
    return contribution_id


@pytest.mark.usefixtures("taken_down")
def test_the_commands_export_and_apply(runner: FlaskCliRunner, tmp_path: Path) -> None:
    exported = runner.invoke(args=["takedown", "export"])
    assert exported.exit_code == 0
    assert json.loads(exported.stdout).keys() == {
        *("contribution_id", "conversation_id", "content_hash", "taken_down_at")
    }
    path = tmp_path / "takedowns.jsonl"
    path.write_text(exported.stdout + json.dumps({"contribution_id": make_contribution_id()}))
    applied = runner.invoke(args=["takedown", "apply", str(path)])
    assert applied.exit_code == 0
    assert "taken down before: 1;" in applied.stdout
    assert "not refused" in applied.stderr
    missing = runner.invoke(args=["takedown", "apply", str(tmp_path / "missing")])
    assert (missing.exit_code, "missing" in missing.stderr) == (1, True)
    path.write_text("x")
    wrong = runner.invoke(args=["takedown", "apply", str(path)])
    assert (wrong.exit_code, "line 1" in wrong.stderr) == (1, True)


def test_the_command_verify_says_what_it_found(
    runner: FlaskCliRunner, services: Services, taken_down: str, tmp_path: Path
) -> None:
    def verified(*args: str) -> tuple[int, str]:
        result = runner.invoke(args=["takedown", "verify", *args])
        return result.exit_code, result.stdout + result.stderr

    code, output = verified(taken_down)
    assert (code, output.splitlines()[-1]) == (0, "nothing was found")
    planted = services.settings.home / "releases" / "left.txt"
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"{taken_down} and a text that was left")
    code, output = verified("--takedown", "1")
    assert (code, f"FOUND {taken_down} in {planted}" in output) == (1, True)
    text = tmp_path / "text"
    text.write_text("a text that was left")
    code, output = verified("--text", str(text))
    assert (code, f"FOUND the text in {planted}" in output) == (1, True)
    text.write_text("short")
    assert verified(taken_down, "--text", str(text))[0] == 1
    for args in ([], ["no-id"]):
        assert verified(*args)[0] == 2
    assert verified("--takedown", "99") == (1, "Error: no takedown 99\n")
