"""On a Ray cluster, which a setting chooses, the pipeline makes the same rows."""

import subprocess
import sys
from typing import Any

import pytest

from app.curation.pipeline.records import DayRecords
from app.curation.pipeline.stages import Stages
from app.query.snapshots import Reference
from app.services import Services
from app.settings import PREFIX
from catalog.records import AlternativeTurn, ToolCall, Turn
from catalog.stage_tables import stage_rows
from catalog.stages import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table
from tests.app.curation.watched_rules import TEST_RULES
from tests.factories import commit_batch, make_received
from tests.servers.ray import ray_cluster

_TIMEOUT_S = 300


def _tables(services: Services) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table of the stages, by the name of the table."""
    found = {}
    for stage in COMPUTED_STAGES.values():
        for identifier in (stage.rows, stage.dropped):
            table = load_table(services.catalog, identifier)
            snapshot = table.current_snapshot()
            assert snapshot
            batches = stage_rows(table, snapshot.snapshot_id)
            found[identifier] = [row for batch in batches for row in batch.to_pylist()]
    return found


@pytest.mark.cluster
def test_embedded_in_processes_and_on_two_nodes_of_ray_the_rows_are_the_same(
    services: Services,
) -> None:
    made = [make_received(day, f"q {day} {i}", f"a {i}") for day in range(2) for i in range(1500)]
    call = ToolCall("1", "weather", "{}")
    answer = Turn(
        "rain", "assistant", tool_calls=(call,), alternatives=((AlternativeTurn("x", "user"),),)
    )
    rich = make_received(
        1, conversation=(Turn("Will it rain?", "user"), answer), labels={"mood": "good"}, title="T"
    )
    odd = [make_received(0, " ", "\n"), made[0], make_received(1, "Q 0 1", "A 1"), rich]
    commit_batch(services, *made[1:], *odd)
    snapshot = services.snapshots.find(Reference())
    stages = Stages(
        services.database, services.catalog, TEST_RULES, services.versions, services.suppressions
    )
    embedded = stages.build("curated", snapshot)
    assert dict(embedded.dropped) == {"empty": 1, "near_duplicate": 1}
    before = _tables(services)
    records = DayRecords(services.database)
    stage_names: list[ComputedStage] = ["cleaned", "curated"]
    for stage in stage_names:
        records.mark(stage, embedded.computed_days)
    with ray_cluster() as cluster:
        settings = {"HOME": str(services.settings.home), "RAY_ADDRESS": cluster.address}
        result = subprocess.run(
            [sys.executable, "-m", "tests.app.curation.build"],
            env={**cluster.environment, **{PREFIX + name: text for name, text in settings.items()}},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [str(day) for day in embedded.computed_days]
    rows = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    newest = rows.current_snapshot()
    assert newest
    assert newest.snapshot_id != embedded.snapshot_id
    assert _tables(services) == before
