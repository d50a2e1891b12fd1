from datetime import UTC, datetime

import pytest

from app.curation.errors import NotSuppressed
from app.curation.suppressions import Suppressed, Suppressions
from app.query.snapshots import SnapshotView
from app.services import Services
from catalog.table import load_table
from tests.batches import FEW_ROWS, scan_in_batches
from tests.factories import commit_batch, make_received

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def suppressions(services: Services) -> Suppressions:
    """Return a list on which nothing is suppressed yet."""
    return Suppressions(services.database, clock=lambda: NOW)


@pytest.mark.both
def test_suppressions_have_their_reason_and_time(
    suppressions: Suppressions,
) -> None:
    assert suppressions.add("contributor", ["eve", "bob", "eve"], "asked for it") == 2
    assert suppressions.add("contribution", ["1"]) == 1
    assert suppressions.entries() == [
        Suppressed(kind="contribution", identifier="1", reason=None, suppressed_at=NOW),
        Suppressed(kind="contributor", identifier="bob", reason="asked for it", suppressed_at=NOW),
        Suppressed(kind="contributor", identifier="eve", reason="asked for it", suppressed_at=NOW),
    ]


@pytest.mark.both
def test_a_second_suppression_keeps_the_first_reason(suppressions: Suppressions) -> None:
    suppressions.add("contributor", ["eve"], "first")
    assert suppressions.add("contributor", ["eve", "bob"], "second") == 1
    assert [each.reason for each in suppressions.entries()] == ["second", "first"]


def test_ids_of_contributions_and_contributors_are_distinct(suppressions: Suppressions) -> None:
    suppressions.add("contributor", ["x"])
    assert suppressions.entries_of("x", None) == ()
    (entry,) = suppressions.entries_of("y", "x")
    assert entry.kind == "contributor"


@pytest.mark.both
def test_a_lifted_suppression_has_no_effect(suppressions: Suppressions) -> None:
    suppressions.add("contributor", ["eve", "bob"])
    suppressions.lift("contributor", ["eve"])
    assert [each.identifier for each in suppressions.entries()] == ["bob"]


@pytest.mark.both
def test_nothing_is_lifted_when_something_is_not_suppressed(suppressions: Suppressions) -> None:
    suppressions.add("contributor", ["eve"])
    with pytest.raises(NotSuppressed) as caught:
        suppressions.lift("contributor", ["eve", "nobody"])
    assert caught.value.identifiers == ("nobody",)
    assert len(suppressions.entries()) == 1


@pytest.mark.both
def test_the_ids_to_leave_out_are_those_of_a_snapshot(
    services: Services, suppressions: Suppressions
) -> None:
    eves = [make_received(day, "q", "a", contributor_id="eve") for day in (2, 0)]
    other = make_received(1, "q", "a", contributor_id="bob")
    older = commit_batch(services, eves[0], other)
    newer = commit_batch(services, eves[1], make_received(1))
    table = load_table(services.catalog)
    assert suppressions.suppressed_in(SnapshotView(table, newer)).to_pylist() == []
    suppressions.add("contributor", ["eve", "nobody"])
    suppressions.add("contribution", [other.contribution_id, eves[0].contribution_id])
    found = suppressions.suppressed_in(SnapshotView(table, newer)).to_pylist()
    assert found == sorted([*(each.contribution_id for each in eves), other.contribution_id])
    assert (
        eves[1].contribution_id
        not in suppressions.suppressed_in(SnapshotView(table, older)).to_pylist()
    )


@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_the_ids_of_a_contributor_are_found_in_batches_of_any_size(
    services: Services,
    suppressions: Suppressions,
    monkeypatch: pytest.MonkeyPatch,
    batch_rows: int,
) -> None:
    scan_in_batches(monkeypatch, batch_rows)
    made = [make_received(0, contributor_id="eve" if row in {3, 6} else None) for row in range(7)]
    snapshot = commit_batch(services, *made)
    suppressions.add("contributor", ["eve"])
    found = suppressions.suppressed_in(SnapshotView(load_table(services.catalog), snapshot))
    assert found.to_pylist() == [made[3].contribution_id, made[6].contribution_id]
