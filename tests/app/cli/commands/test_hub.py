from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from app.services import Services
from app.settings import Settings
from catalog.snapshots import Snapshot
from tests.app.cli.errors import assert_one_line
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate
from tests.servers.hub import TOKEN, HubServer
from tests.servers.hub_repository import RefusedError

HUB = ("--hub", "lake/first")


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A Hub without repositories."""
    with HubServer() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate, hub: HubServer) -> Settings:
    """A lake that may publish on the Hub, and gives readers no time after an erasure."""
    settings = lake_template.copy(tmp_path / "home")
    return replace(settings, hub_url=hub.url, hub_token=TOKEN)


@pytest.fixture
def snapshot(services: Services) -> Snapshot:
    """A snapshot of Ada's contribution and another one."""
    return commit_batch(services, make_received(0, contributor_id="ada"), make_received(0))


def release(runner: FlaskCliRunner, *arguments: str) -> Result:
    result = runner.invoke(args=["release", *arguments])
    assert TOKEN not in result.output
    return result


def build(runner: FlaskCliRunner, name: str = "first") -> None:
    arguments = name, "--stage", "raw", "--format", "jsonl", "--no-maps"
    assert release(runner, "build", *arguments).exit_code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("snapshot")
def test_a_release_is_published_listed_taken_down_from_and_unpublished(
    runner: FlaskCliRunner, services: Services, hub: HubServer
) -> None:
    build(runner)
    published = release(runner, "publish", "first", *HUB, "--gated")
    assert published.exit_code == 0, published.output
    sent, counts, line = published.stdout.splitlines()
    assert sent.startswith("sent jsonl/train-00000.jsonl, ")
    assert counts == "6 files added or replaced, 0 removed"
    head = hub.repositories["lake/first"].head.commit_id
    place = f"{hub.url}/datasets/lake/first; gated"
    assert line == f"{place}; revision 1, commit {head}"
    assert release(runner, "list").stdout.endswith("\t1\tlake/first\n")
    assert release(runner, "show", "first").stdout.endswith(f"on the Hub      {line}\n")
    assert_one_line(release(runner, "remove", "first", "--yes"), "is on the Hub in lake/first")

    taken = runner.invoke(args=["takedown", "contributor", "ada"])
    assert taken.exit_code == 0, taken.output
    head = hub.repositories["lake/first"].head.commit_id
    assert taken.stdout.endswith(
        f"no file of the lake holds them any more\n{place}; revision 2, commit {head}\n"
    )
    assert list(hub.repositories["lake/first"].tags) == ["revision-2"]

    assert release(runner, "unpublish", "first", *HUB, "--yes").exit_code == 0
    assert hub.repositories == {}
    assert release(runner, "list").stdout.endswith("\t2\t-\n")
    assert release(runner, "remove", "first", "--yes").exit_code == 0
    assert services.publishing.releases.all() == []


@pytest.mark.slow
@pytest.mark.usefixtures("snapshot")
def test_a_takedown_says_which_repository_still_holds_what_was_taken_down(
    runner: FlaskCliRunner, hub: HubServer
) -> None:
    build(runner)
    assert release(runner, "publish", "first", *HUB).exit_code == 0
    with hub.refusing("/api/", RefusedError(403, "expired")):
        taken = runner.invoke(args=["takedown", "contributor", "ada"])
    assert taken.exit_code == 0, taken.output
    assert "lake/first on the Hub may still hold them" in taken.stderr
    assert "scripts/lake release publish first --hub lake/first" in taken.stderr
    assert "revision 1, commit " in release(runner, "show", "first").stdout
    assert "outdated: revision 2 has to replace it" in release(runner, "show", "first").stdout
    updated = runner.invoke(args=["takedown", "run"])
    assert "revision 2, commit " in updated.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("snapshot")
def test_a_public_repository_is_named_when_its_release_gets_a_gate(runner: FlaskCliRunner) -> None:
    build(runner)
    assert release(runner, "publish", "first", *HUB, "--public").exit_code == 0
    gated = release(runner, "gate", "first", "--role", "read")
    assert "lake/first stays public" in gated.stdout


@pytest.mark.usefixtures("snapshot")
def test_what_goes_wrong_is_told_in_one_line(runner: FlaskCliRunner, hub: HubServer) -> None:
    assert_one_line(release(runner, "publish", "first", *HUB), "no release 'first'")
    assert_one_line(
        release(runner, "publish", "first", "--hub", "first"), "no name of a repository"
    )
    build(runner)
    with hub.refusing("/api/", RefusedError(401, "no")):
        assert_one_line(release(runner, "publish", "first", *HUB), "CHATLAKE_HUB_TOKEN", "401")
    assert_one_line(release(runner, "unpublish", "first", *HUB, "--yes"), "isn't published in")
