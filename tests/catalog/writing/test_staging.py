"""Staged files: their content, where they lie, and how they are committed or discarded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import (
    _dataframe_to_data_files,
    parquet_file_to_data_file,
    schema_to_pyarrow,
)
from pyiceberg.table import Table

from catalog.columns.arrow import to_arrow
from catalog.columns.data_file_schema import fitted
from catalog.errors import ColumnsMissing
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.records import Contribution, Turn
from catalog.schema import (
    CONVERSATION,
    FIRST_OPTIONAL_ID,
    PARTITION_SPEC,
    ROW_GROUP_BYTES,
    ROW_GROUP_ROWS,
    SCHEMA,
    TABLE_IDENTIFIER,
)
from catalog.table import append_batch, load_table
from catalog.writing import staging
from catalog.writing.staging import StagedFiles, describe_files, split_row_groups
from migrations.lake import step_0001_contributions, step_0003_more_of_conversations
from tests.batches import ROWS, cut, windows
from tests.factories import make_contribution
from tests.old_lakes import first_schema

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def _path(url: str) -> Path:
    return Path(urlsplit(url).path)


def test_a_staged_file_is_described_as_one_that_pyiceberg_wrote(table: Table) -> None:
    rows = to_arrow(_rows(3))
    (ours,) = _stage(table, rows)
    (theirs,) = _dataframe_to_data_files(table.metadata, rows, table.io)
    described = parquet_file_to_data_file(table.io, table.metadata, ours)
    for name in ("partition", "record_count", "lower_bounds", "upper_bounds"):
        assert getattr(described, name) == getattr(theirs, name), name
    nulls, counted = described.null_value_counts, theirs.null_value_counts
    assert nulls == {number: count for number, count in counted.items() if number in nulls}
    # Ours lacks the fields that no row fills.
    assert min(counted.keys() - nulls.keys()) >= FIRST_OPTIONAL_ID
    assert _path(ours).parent == _path(theirs.file_path).parent
    schema = pq.read_schema(_path(ours))
    assert schema.names == [
        field.name for field in SCHEMA.fields if field.field_id < FIRST_OPTIONAL_ID
    ]


def test_files_are_described_by_what_was_written_as_by_what_is_read(table: Table) -> None:
    next_day = MIDNIGHT + timedelta(days=1)
    rows = [
        make_contribution(received_at=MIDNIGHT, source=None),
        # Bounds of texts are cut off, and Parquet has none of long ones.
        make_contribution(received_at=MIDNIGHT, source="é" * 5_000, agent_id="\U0010ffff" * 40),
        make_contribution(received_at=next_day, source=""),
        make_contribution(received_at=next_day, title="a title, for which another file begins"),
    ]
    staged = StagedFiles(table, uuid4())
    for row in rows:
        staged.write(to_arrow([row]))
    written = staged.describe()
    assert [file.record_count for file in written] == [2, 1, 1]
    assert written == list(describe_files(table, staged.finish()))


def test_a_file_has_the_optional_fields_that_rows_have_filled_until_it_was_begun(
    table: Table,
) -> None:
    plain = make_contribution("plain")
    titled = make_contribution("titled", title="a title")
    thinking = make_contribution(conversation=(Turn("thinking", reasoning="because"),))
    rows = [plain, titled, plain, thinking, titled]
    staged = StagedFiles(table, uuid4())
    for row in rows:
        staged.write(to_arrow([row]))
    files = staged.finish()
    assert [file.rows for file in files] == [1, 2, 2]
    optional = []
    for file in files:
        schema = pq.read_schema(_path(file.path))
        turn = schema.field(CONVERSATION).type.value_type
        names = {*schema.names, *(f"turn's {field.name}" for field in turn)}
        optional.append(names & {"title", "labels", "turn's reasoning", "turn's alternatives"})
    assert optional == [set(), {"title"}, {"title", "turn's reasoning"}]
    snapshot = append_batch(table, uuid4(), (), files)
    table.refresh()
    read_back = pa.Table.from_batches(read(table, plan(table, snapshot)))
    expected = to_arrow(rows).drop_columns("sequence_number")
    by_id = [("contribution_id", "ascending"), ("content_hash", "ascending")]
    assert read_back.drop_columns("sequence_number").sort_by(by_id) == expected.sort_by(by_id)


def test_a_file_that_was_staged_before_the_table_got_columns_is_committed(
    catalog: SqlCatalog,
) -> None:
    catalog.drop_table(TABLE_IDENTIFIER)
    old = catalog.create_table(TABLE_IDENTIFIER, first_schema(), partition_spec=PARTITION_SPEC)
    kept = _rows(2)
    rows = to_arrow(kept)
    names = (
        schema_to_pyarrow(old.schema(), include_field_ids=False)
        .field("conversation")
        .type.value_type
    )
    turns = rows["conversation"].combine_chunks()
    leaves = [turns.values.field(field.name) for field in names]
    conversations = pa.LargeListArray.from_arrays(
        turns.offsets, pa.StructArray.from_arrays(leaves, fields=list(names))
    )
    rows = rows.set_column(rows.column_names.index("conversation"), "conversation", conversations)
    staged = _staged(
        old, rows.select(schema_to_pyarrow(old.schema(), include_field_ids=False).names)
    )
    step_0003_more_of_conversations.upgrade(catalog)
    append_batch(load_table(catalog), uuid4(), [make_contribution(title="new")], staged.finish())
    stored = load_table(catalog).scan().to_arrow()
    assert sorted(stored["contribution_id"].to_pylist())[:2] == [
        row.contribution_id for row in kept
    ]
    assert sorted(stored["title"].to_pylist(), key=str) == [None, None, "new"]


def test_rows_are_refused_that_a_table_of_before_a_migration_has_no_columns_for(
    catalog: SqlCatalog,
) -> None:
    catalog.drop_table(TABLE_IDENTIFIER)
    step_0001_contributions.upgrade(catalog)
    with pytest.raises(ColumnsMissing) as caught:
        _staged(load_table(catalog), to_arrow([make_contribution(title="kept")]))
    assert {"title", "reasoning"} <= set(caught.value.fields)


def test_rows_of_both_sides_of_midnight_lie_in_files_of_their_days(table: Table) -> None:
    moments = [MIDNIGHT - timedelta(milliseconds=1), MIDNIGHT]
    rows = [make_contribution(received_at=moment) for moment in moments]
    staged = _staged(table, to_arrow(rows))
    snapshot = append_batch(table, uuid4(), (), staged.finish())
    assert snapshot.added_files == 2
    folders = [_path(file.path).parent.name for file in staged.finish()]
    assert folders == ["received_at_day=2026-03-01", "received_at_day=2026-03-02"]
    stored = table.refresh().scan().to_arrow()["contribution_id"].to_pylist()
    assert sorted(stored) == sorted(row.contribution_id for row in rows)


def test_a_file_is_closed_when_it_is_large_enough(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "TARGET_FILE_SIZE_BYTES", 1)
    staged = StagedFiles(table, uuid4())
    for _ in range(3):
        staged.write(to_arrow(_rows(2)))
    assert [file.rows for file in staged.finish()] == [2, 2, 2]


def test_dictionaries_of_ids_and_texts_end_early_unless_the_table_says_otherwise(
    table: Table,
) -> None:
    rows = to_arrow([make_contribution(str(number)) for number in range(3_000)])

    def dictionary_bytes() -> int:
        (path,) = _stage(table, rows)
        group = pq.read_metadata(_path(path)).row_group(0)
        columns = {
            group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)
        }
        hashes = columns["content_hash"]
        return int(hashes.data_page_offset - hashes.dictionary_page_offset)

    early = dictionary_bytes()
    with table.transaction() as transaction:
        transaction.set_properties({"write.parquet.dict-size-bytes": str(2**20)})
    table.refresh()
    assert early < 0.75 * dictionary_bytes()


def test_a_file_that_is_ended_leaves_nothing_to_the_next(table: Table) -> None:
    staged = StagedFiles(table, uuid4())
    staged.end_file()
    for title in ("a title", None):
        staged.write(to_arrow([make_contribution(title=title)]))
        staged.end_file()
    files = staged.finish()
    assert [file.rows for file in files] == [1, 1]
    assert ["title" in pq.read_schema(_path(file.path)).names for file in files] == [True, False]


def test_discarding_staged_files_removes_them(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "TARGET_FILE_SIZE_BYTES", 1)
    folder = _path(table.location()) / "data"
    staged = StagedFiles(table, uuid4())
    for _ in range(2):
        staged.write(to_arrow(_rows(2)))
    staged.discard()
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert staged.finish() == []


def test_a_batch_of_rows_and_files_is_one_snapshot(table: Table) -> None:
    staged = _staged(table, to_arrow(_rows(3)))
    snapshot = append_batch(table, uuid4(), _rows(2), staged.finish())
    assert snapshot.added_rows == 5
    assert table.refresh().scan().to_arrow().num_rows == 5


@pytest.mark.slow
def test_slices_of_a_table_are_written_unchanged(table: Table) -> None:
    (rows,) = to_arrow([make_contribution(str(row)) for row in range(ROWS)]).to_batches()
    for window in windows(rows):
        files = _staged(table, pa.Table.from_batches(cut(window))).finish()
        assert [file.rows for file in files] == [window.num_rows] * bool(window.num_rows)
        for file in files:
            found = pq.read_table(_path(file.path))
            assert found == fitted(pa.Table.from_batches([window]), found.schema)


def _rows(number: int) -> list[Contribution]:
    return [make_contribution(str(i), source=f"source-{i}") for i in range(number)]


def _staged(table: Table, rows: pa.Table) -> StagedFiles:
    staged = StagedFiles(table, uuid4())
    staged.write(rows)
    return staged


def _stage(table: Table, rows: pa.Table) -> list[str]:
    return [file.path for file in _staged(table, rows).finish()]


@pytest.mark.parametrize(
    ("rows", "groups"),
    [
        (0, []),
        (ROW_GROUP_ROWS - 1, []),
        (ROW_GROUP_ROWS, [ROW_GROUP_ROWS]),
        (2 * ROW_GROUP_ROWS + 1, [ROW_GROUP_ROWS] * 2),
    ],
)
def test_full_row_groups_are_split_off_and_the_rest_is_kept(rows: int, groups: list[int]) -> None:
    numbers = pa.table({"number": list(range(rows))})
    full, rest = split_row_groups(numbers)
    assert list(map(len, full)) == groups
    assert pa.concat_tables([*full, rest]).equals(numbers)


def test_rows_of_many_bytes_are_a_full_row_group() -> None:
    rows = pa.table({"text": ["x" * (ROW_GROUP_BYTES // 2)] * 2})
    full, rest = split_row_groups(rows)
    assert (list(map(len, full)), len(rest)) == ([2], 0)
