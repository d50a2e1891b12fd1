"""On a Ray cluster, which a setting chooses, the pipeline makes the same rows."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.curation.name_recognisers.loading import load_recogniser
from app.curation.pipeline import daft_query
from app.curation.pipeline.records import ChunkRecords
from app.curation.pipeline.stages import StageBuild
from app.curation.rules.standard import standard_rules
from app.query.snapshots import Reference
from app.services import Services
from app.settings import PREFIX
from catalog.records import AlternativeTurn, ToolCall, Turn
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table
from tests.app.curation.build import FEW_ROWS_IN_PROCESS, stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.factories import commit_batch, make_received
from tests.servers.ray import RayCluster, ray_cluster

pytestmark = pytest.mark.cluster

_TIMEOUT_S = 300
_RECOGNISER = "tests.app.curation.name_recognisers.titled:Titled"


@pytest.fixture(scope="module")
def ray() -> Iterator[RayCluster]:
    """A cluster that the tests share: its start takes longer than a build."""
    with ray_cluster() as cluster:
        yield cluster


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


def test_embedded_in_processes_and_on_two_nodes_of_ray_the_rows_are_the_same(
    services: Services, ray: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daft_query, "ROWS_IN_PROCESS", FEW_ROWS_IN_PROCESS)
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
    snapshot = services.reading.snapshots.find(Reference())
    embedded = stages_of(services, TEST_RULES).build("curated", snapshot)
    assert dict(embedded.dropped) == {"empty": 1, "near_duplicate": 1}
    _assert_same_on_ray(ray, services, embedded, "")


def test_the_services_own_rules_and_a_recogniser_of_names_find_the_same_on_ray(
    services: Services, ray: RayCluster
) -> None:
    question = "Who carries the post to the island when the ferry waits for the doctor?"
    said = [
        (question, "The captain of the ferry does."),
        (question, "The captain of the ferry does!"),
        (f"Hello! {question}", "Nobody, since Dr. Ada King has no boat."),
        ("Tell me about the crane of the harbour.", "I'm sorry, but I can't help with that."),
        *((f"What is the name of boat {number}?", f"It is boat {number}.") for number in range(80)),
    ]
    made = [make_received(place % 2, *texts) for place, texts in enumerate(said)]
    commit_batch(services, *made)
    snapshot = services.reading.snapshots.find(Reference())
    rules = standard_rules(services.curation.evaluation_sets.load(), load_recogniser(_RECOGNISER))
    embedded = stages_of(services, rules).build("curated", snapshot)
    assert dict(embedded.dropped) == {"near_duplicate": 1, "refusal": 1}
    rows = _tables(services)[COMPUTED_STAGES["curated"].rows]
    assert sum(row["prompt_group"] is not None for row in rows) == 1
    assert sum(row["masked"]["person_name"] for row in rows) == 1
    _assert_same_on_ray(ray, services, embedded, "standard", NAME_RECOGNISER=_RECOGNISER)


def _assert_same_on_ray(
    cluster: RayCluster, services: Services, embedded: StageBuild, rules: str, **settings: str
) -> None:
    """Build again on a cluster, and compare the rows with those of an embedded build."""
    before = _tables(services)
    records = ChunkRecords(services.database)
    stage_names: list[ComputedStage] = ["cleaned", "curated"]
    for stage in stage_names:
        records.mark(stage, records.of(stage))
    settings |= {"HOME": str(services.settings.home), "RAY_ADDRESS": cluster.address}
    result = subprocess.run(
        [sys.executable, "-m", "tests.app.curation.build", *filter(None, [rules])],
        env={**cluster.environment, **{PREFIX + name: text for name, text in settings.items()}},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [str(embedded.computed_rows)]
    rows = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    newest = rows.current_snapshot()
    assert newest
    assert newest.snapshot_id != embedded.snapshot_id
    assert _tables(services) == before
