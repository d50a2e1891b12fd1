from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from sqlalchemy.exc import OperationalError

from catalog.connection import open_catalog
from catalog.errors import BatchSnapshotLost, CommitConflict, TableNotFound
from catalog.manifests.entries import newest_entries
from catalog.records import Contribution
from catalog.schema import LAST_BATCH_ID_PROPERTY, TABLE_IDENTIFIER, UNBOUNDED_COLUMNS
from catalog.table import append_batch, find_batch, load_table
from tests.catalog import strace
from tests.catalog.races import InterruptedCatalog, PowerCut, cut_power
from tests.factories import make_contribution, make_turns

_APPEND_ONE = """
import sys
from uuid import uuid4
from catalog.connection import open_catalog
from catalog.table import append_batch, load_table
from tests.factories import make_contribution
table = load_table(open_catalog(*sys.argv[1:]))
append_batch(table, uuid4(), [make_contribution()])
"""


def _hide_success() -> None:
    raise OperationalError("COMMIT", None, Exception("server closed the connection"))


def _contributions(*days: int) -> list[Contribution]:
    return [make_contribution(received_at=datetime(2026, 1, day, tzinfo=UTC)) for day in days]


def _ids(contributions: list[Contribution]) -> list[str]:
    return sorted(contribution.contribution_id for contribution in contributions)


def _rows_for_anyone(catalog: SqlCatalog) -> list[str]:
    """Return the ids of all rows, as pyiceberg alone reads them."""
    properties = {name: catalog.properties[name] for name in ("uri", "warehouse")}
    fresh = SqlCatalog(catalog.name, **properties)
    rows = fresh.load_table(TABLE_IDENTIFIER).scan().to_arrow()
    fresh.engine.dispose()
    return sorted(rows.column("contribution_id").to_pylist())


def _data_files(table: Table) -> set[Path]:
    return set(Path(table.location().removeprefix("file://")).rglob("*.parquet"))


def _manifests(table: Table) -> set[Path]:
    return set(Path(table.location().removeprefix("file://")).rglob("*.avro"))


def _planned(table: Table) -> set[Path]:
    return {Path(task.file.file_path.removeprefix("file://")) for task in table.scan().plan_files()}


def test_a_lake_without_migrations_is_table_not_found(tmp_path: Path) -> None:
    catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/warehouse")
    with pytest.raises(TableNotFound, match="run the migrations") as caught:
        load_table(catalog)
    assert caught.value.identifier == TABLE_IDENTIFIER


def test_a_batch_is_appended_in_one_commit_that_names_it(catalog: SqlCatalog, table: Table) -> None:
    batch_id, contributions = uuid4(), _contributions(1, 2, 2)
    snapshot = append_batch(table, batch_id, contributions)
    reloaded = load_table(catalog)
    assert len(reloaded.metadata.snapshots) == 1
    assert find_batch(reloaded, batch_id) == snapshot
    assert reloaded.properties[LAST_BATCH_ID_PROPERTY] == str(batch_id)
    assert _rows_for_anyone(catalog) == _ids(contributions)


def test_text_comes_back_to_the_byte(catalog: SqlCatalog, table: Table) -> None:
    texts = ("\U0001f469\u200d\U0001f52c", "\u202eabc\u202c", "Z\u0351\u036b", "\r\n\t ", "=1+1")
    append_batch(table, uuid4(), [make_contribution(conversation=make_turns(*texts))])
    (row,) = load_table(catalog).scan().to_arrow().to_pylist()
    assert [turn["content"] for turn in row["conversation"]] == list(texts)


def test_a_batch_that_was_never_appended_is_not_found(table: Table) -> None:
    append_batch(table, uuid4(), _contributions(1))
    assert find_batch(table, uuid4()) is None


def test_an_older_batch_is_found_too(table: Table) -> None:
    first = uuid4()
    snapshot = append_batch(table, first, _contributions(1))
    append_batch(table, uuid4(), _contributions(1))
    assert find_batch(table, first) == snapshot


def test_a_batch_with_a_thinned_snapshot_is_not_reported_as_missing(table: Table) -> None:
    batch_id = uuid4()
    snapshot = append_batch(table, batch_id, _contributions(1))
    # Another engine commits, and the batch's snapshot is thinned before it was settled.
    table.append(table.scan().to_arrow())
    table.maintenance.expire_snapshots().by_id(snapshot.snapshot_id).commit()
    table.refresh()
    with pytest.raises(BatchSnapshotLost) as caught:
        find_batch(table, batch_id)
    assert caught.value.batch_id == str(batch_id)


def test_a_table_that_was_loaded_before_another_commit_cannot_append(
    catalog: SqlCatalog, table: Table
) -> None:
    stale = load_table(catalog)
    winners = _contributions(1)
    append_batch(table, uuid4(), winners)
    with pytest.raises(CommitConflict):
        append_batch(stale, uuid4(), _contributions(1))
    assert _rows_for_anyone(catalog) == _ids(winners)


def test_a_stale_committer_cannot_land_the_same_batch_twice(
    catalog: SqlCatalog, table: Table
) -> None:
    batch_id, contributions = uuid4(), _contributions(1, 2)
    stale = load_table(catalog)
    append_batch(table, batch_id, contributions)
    with pytest.raises(CommitConflict):
        append_batch(stale, batch_id, contributions)
    assert _rows_for_anyone(catalog) == _ids(contributions)


@pytest.mark.parametrize("same_batch", [True, False])
@pytest.mark.parametrize("merge_at", ["2", "100"])
def test_a_commit_that_lost_the_race_removes_no_file_of_the_winners(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, same_batch: bool, merge_at: str
) -> None:
    table = load_table(catalog)
    # With merging, loser and winner both write the earlier manifests anew.
    with table.transaction() as change:
        change.set_properties({"commit.manifest.min-count-to-merge": merge_at})
    earlier, lost, won = _contributions(1), _contributions(1), _contributions(1)
    append_batch(table, uuid4(), earlier)
    lost_id = uuid4()
    won_id, won = (lost_id, lost) if same_batch else (uuid4(), won)
    manifests: set[Path] = set()

    def win() -> None:
        append_batch(load_table(catalog), won_id, won)
        manifests.update(_manifests(table))

    interrupted.before_swap = win
    with pytest.raises(CommitConflict):
        append_batch(load_table(interrupted), lost_id, lost)
    removed = manifests - _manifests(table)
    newest = load_table(catalog)
    snapshot = newest.current_snapshot()
    assert snapshot is not None
    used = {manifest.manifest_path for manifest in snapshot.manifests(newest.io)}
    used.add(snapshot.manifest_list)
    assert removed, "the loser's manifests were there when the winner committed"
    assert not removed & {Path(path.removeprefix("file://")) for path in used}
    assert find_batch(newest, won_id) is not None
    assert _rows_for_anyone(catalog) == _ids([*earlier, *won])


@pytest.mark.parametrize("seam", ["before_commit", "before_swap"])
def test_an_attempt_that_was_cut_off_is_repeated_over_its_own_files(
    catalog: SqlCatalog, interrupted: InterruptedCatalog, seam: str
) -> None:
    batch_id, contributions = uuid4(), _contributions(1, 2)
    setattr(interrupted, seam, cut_power)
    with pytest.raises(PowerCut):
        append_batch(load_table(interrupted), batch_id, contributions)
    table = load_table(catalog)
    assert find_batch(table, batch_id) is None
    leftovers = {path: path.read_bytes() for path in _data_files(table)}
    assert len(leftovers) == 2
    append_batch(table, batch_id, contributions)
    assert {path: path.read_bytes() for path in _data_files(table)} == leftovers
    assert _planned(table) == set(leftovers), "nothing is orphaned"
    assert _rows_for_anyone(catalog) == _ids(contributions)


def test_a_commit_whose_success_was_hidden_is_found_by_looking(
    catalog: SqlCatalog, interrupted: InterruptedCatalog
) -> None:
    batch_id, contributions = uuid4(), _contributions(1)
    interrupted.after_commit = _hide_success
    with pytest.raises(OperationalError):
        append_batch(load_table(interrupted), batch_id, contributions)
    snapshot = find_batch(load_table(catalog), batch_id)
    assert snapshot is not None
    assert snapshot.added_rows == 1
    assert _rows_for_anyone(catalog) == _ids(contributions)


def test_the_files_of_a_batch_are_named_by_it(table: Table) -> None:
    batch_id = UUID("c0ffee00-0000-4000-8000-000000000000")
    append_batch(table, batch_id, _contributions(1, 2))
    assert {str(batch_id) in path.name for path in _data_files(table)} == {True}


def test_metadata_has_bounds_of_ids_and_none_of_what_people_wrote(table: Table) -> None:
    words = "words of a person"
    made = make_contribution(
        title=words, attribution=words, prompt_template=words, chat_template=words
    )
    append_batch(table, uuid4(), [made])
    (entry,) = newest_entries(table)
    bounds = entry.data_file.lower_bounds | entry.data_file.upper_bounds
    names = {table.schema().find_column_name(number) for number in bounds}
    assert "contribution_id" in names
    assert names.isdisjoint(UNBOUNDED_COLUMNS)
    assert not any(b"words" in bound for bound in bounds.values())


@pytest.mark.slow
def test_every_file_of_a_commit_is_synced_before_the_catalog_names_it(
    catalog: SqlCatalog, tmp_path: Path
) -> None:
    warehouse = Path(catalog.properties["warehouse"].removeprefix("file://"))
    before = set(warehouse.rglob("*"))
    calls = strace.trace(
        _APPEND_ONE,
        catalog.properties["uri"],
        catalog.properties["warehouse"],
        calls="fsync,fdatasync,rename",
        workspace=tmp_path,
    )
    made = [path for path in warehouse.rglob("*") if path not in before]
    files = [path for path in made if path.is_file()]
    # A data file, its manifest, the list of manifests and the metadata.
    assert len(files) == 4
    commit = max(i for i, call in enumerate(calls) if call.paths[0].endswith("catalog.db-wal"))
    for path in files:
        renamed = next(i for i, call in enumerate(calls) if call.paths[1:] == (str(path),))
        temporary = calls[renamed].paths[0]
        synced = [i for i, call in enumerate(calls) if call.paths == (temporary,)]
        named = [
            i for i, call in enumerate(calls) if i > renamed and call.paths == (str(path.parent),)
        ]
        assert synced[0] < renamed < named[0] < commit
    for folder in (path for path in made if path.is_dir()):
        assert str(folder.parent) in {call.paths[0] for call in calls[:commit]}
