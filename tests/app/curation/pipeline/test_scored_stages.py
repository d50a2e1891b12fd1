"""Stages of rows that scorers are asked about, built by the service's own rules."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from app.curation.pipeline.stages import StageBuild
from app.curation.scorers import moderation_server
from app.services import Services
from catalog.snapshots import Snapshot
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.app.curation.scorers.servers import ModerationStub
from tests.app.curation.scorers.servers import moderation_server as running
from tests.factories import commit_batch, make_received

JUDGING = "tests.app.curation.scorers.judging"

pytestmark = [pytest.mark.usefixtures("one_process"), pytest.mark.slow]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModerationStub]:
    monkeypatch.setattr(moderation_server, "_BACKOFF_S", 0.001)
    monkeypatch.setattr(moderation_server, "_AWAY_S", 0.0)
    with running() as server:
        yield server


def with_settings(services: Services, **settings: Any) -> Services:
    """Return other services of the same lake, with settings of scorers."""
    return Services(replace(services.settings, **settings))


def built_with(services: Services, snapshot: Snapshot, **settings: Any) -> StageBuild:
    """Build `cleaned` with settings of scorers."""
    with closing(with_settings(services, **settings)) as other:
        return other.curation.stages().build("cleaned", snapshot)


def rows_of(services: Services, built: StageBuild) -> dict[str, dict[str, Any]]:
    table = load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows)
    found = (row for batch in stage_rows(table, built.snapshot_id) for row in batch.to_pylist())
    return {row["contribution_id"]: row for row in found}


def test_a_server_that_is_away_ends_no_build_and_the_next_build_asks_again(
    services: Services, stub: ModerationStub
) -> None:
    hateful, kind = make_received(0, "I hate you", "Why?"), make_received(0, "Hello", "Hi there")
    snapshot = commit_batch(services, hateful, kind)
    asked = {"scorers": "moderation", "moderation_url": stub.url}
    stub.failures.append((401, {}))
    away = built_with(services, snapshot, **asked)
    assert (away.rows, away.unscored_rows) == (2, 2)
    rows = rows_of(services, away)
    assert [row["flags"] for row in rows.values()] == [None, None]
    assert {score["category"] for row in rows.values() for score in row["scores"]} == {None}
    back = built_with(services, snapshot, **asked)
    assert (back.computed_rows, back.unscored_rows) == (2, 0)
    assert rows_of(services, back)[hateful.contribution_id]["flags"] == [
        {"turn": 0, "category": "hate"}
    ]
    # Now that all is known, nothing is asked any more.
    requests = len(stub.requests)
    again = built_with(services, snapshot, **asked)
    assert (again.computed_rows, again.snapshot_id) == (0, back.snapshot_id)
    assert len(stub.requests) == requests


def test_only_rows_that_were_not_scored_are_computed_again(
    services: Services, stub: ModerationStub
) -> None:
    contributions = [make_received(0, f"Text {number}", "Fine") for number in range(3)]
    snapshot = commit_batch(services, *contributions, make_received(0, "An odd text", "Fine"))
    asked = {"scorers": "moderation", "moderation_url": stub.url}
    stub.refuses = lambda text: "odd" in text
    assert built_with(services, snapshot, **asked).unscored_rows == 1
    stub.refuses = lambda _: False
    built = built_with(services, snapshot, **asked)
    assert (built.computed_rows, built.unscored_rows) == (1, 0)


def test_other_conditions_flag_anew_and_without_scorers_nothing_is_left(
    services: Services,
) -> None:
    loud = make_received(0, "HELLO", "Hi there")
    snapshot = commit_batch(services, loud)
    for settings, flags in (
        ({"scorers": f"{JUDGING}:Shouting"}, [0]),
        (
            {"scorers": f"{JUDGING}:Shouting", "flag_scores": "shouting>0.1"},
            [0, 1],
        ),
        ({}, []),
    ):
        built = built_with(services, snapshot, **settings)
        assert built.computed_rows == 1
        row = rows_of(services, built)[loud.contribution_id]
        assert [flag["turn"] for flag in row["flags"] or ()] == flags
        assert bool(row["scores"]) == bool(settings)
        assert row["sequence_number"] == snapshot.sequence_number


def test_rows_with_scores_over_the_setting_are_put_into_quarantine_once(
    services: Services,
) -> None:
    loud = make_received(0, "HELLO", "Hi there")
    snapshot = commit_batch(services, loud, make_received(0, "Hello", "Hi there"))
    asked = {
        "scorers": f"{JUDGING}:Shouting",
        "quarantine_scores": "violence>0.1, shouting>0.9",
    }
    with closing(with_settings(services, **asked)) as other:
        assert other.curation.stages().build("cleaned", snapshot).quarantined_rows == 1
        assert other.access.hidden.ids().to_pylist() == [loud.contribution_id]
        assert other.access.hidden.causes(loud.contribution_id) == {"quarantine"}
        (cause,) = other.reading.quarantine.causes_of([loud.contribution_id])[loud.contribution_id]
        assert (cause.cause, cause.reason) == ("scores", "shouting>0.9")
        assert other.curation.stages().build("cleaned", snapshot).quarantined_rows == 0
