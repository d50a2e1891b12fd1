from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from sandbox.scan import ContributionFiles, TurnFiles
from tests.sandbox.programs import output_of

SCHEMA = pa.schema(
    {
        "number": pa.int64(),
        "contribution_id": pa.large_string(),
        "source": pa.large_string(),
        "conversation": pa.large_list(
            pa.struct({"content": pa.large_string(), "stopped": pa.bool_()})
        ),
    }
)
FILE_SCHEMA = SCHEMA.remove(0)
SIZES = [0, 1, 2047, 2048, 2049, 4097]
"""Numbers of rows in a file, around the size of the batches in which it is read."""


def leave_nothing_out(_path: str) -> pa.Array:
    return pa.array([], pa.large_string())


def make_rows(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return contributions of one to three turns."""
    return [
        {
            "contribution_id": f"id-{number:06}",
            "source": f"s{number % 2}",
            "conversation": [
                {"content": f"{number}.{turn}", "stopped": False} for turn in range(1 + number % 3)
            ],
        }
        for number in numbers
    ]


def make_files(folder: Path, *files: pa.Table, row_group_rows: int = 8192) -> ds.FileSystemDataset:
    """Write files, each with a constant column of its number, counted from 0."""
    file_format = ds.ParquetFileFormat()
    fragments = []
    for number, rows in enumerate(files):
        path = folder / f"{number}.parquet"
        pq.write_table(rows, path, row_group_size=row_group_rows)
        constant = ds.field("number") == number
        fragments.append(file_format.make_fragment(str(path), LocalFileSystem(), constant))
    return ds.FileSystemDataset(fragments, SCHEMA, file_format, LocalFileSystem())


def read(
    table: ContributionFiles, columns: Sequence[str], condition: ds.Expression | None = None
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        table.scanner(columns, condition).to_reader().read_all().to_pylist()
    )
    return rows


@pytest.mark.parametrize("size", SIZES)
def test_every_turn_is_there_once_with_its_place_and_its_contribution(
    tmp_path: Path, size: int
) -> None:
    rows = make_rows(range(size))
    files = make_files(tmp_path, pa.Table.from_pylist(rows, FILE_SCHEMA), row_group_rows=3000)
    turns = read(
        TurnFiles(files, leave_nothing_out),
        ["contribution_id", "turn_number", "conversation.content"],
    )
    assert turns == [
        {
            "contribution_id": row["contribution_id"],
            "turn_number": number,
            "conversation.content": turn["content"],
        }
        for row in rows
        for number, turn in enumerate(row["conversation"])
    ]


@pytest.mark.parametrize("size", SIZES)
def test_superseded_rows_are_left_out_wherever_they_lie(tmp_path: Path, size: int) -> None:
    rows = make_rows(range(1, 1 + size))
    files = make_files(tmp_path, pa.Table.from_pylist(rows, FILE_SCHEMA), row_group_rows=3000)
    superseded = {0, 1, 2, size // 2, size, size + 1}
    ids = pa.array([f"id-{number:06}" for number in sorted(superseded)], pa.large_string())
    left = [row for number, row in enumerate(rows, 1) if number not in superseded]
    assert read(ContributionFiles(files, lambda _: ids), ["source"]) == [
        {"source": row["source"]} for row in left
    ]
    turns = read(TurnFiles(files, lambda _: ids), ["conversation.content"])
    assert len(turns) == sum(len(row["conversation"]) for row in left)


def test_superseded_rows_are_left_out_of_files_without_statistics(tmp_path: Path) -> None:
    files = make_files(tmp_path)
    rows = pa.Table.from_pylist(make_rows(range(3)), FILE_SCHEMA)
    pq.write_table(rows, tmp_path / "bare.parquet", write_statistics=False)
    fragment = files.format.make_fragment(str(tmp_path / "bare.parquet"), LocalFileSystem())
    bare = ds.FileSystemDataset([fragment], SCHEMA, files.format, LocalFileSystem())
    table = ContributionFiles(bare, lambda _: pa.array(["id-000001"], pa.large_string()))
    assert [row["contribution_id"] for row in read(table, ["contribution_id"])] == [
        "id-000000",
        "id-000002",
    ]


def test_missing_columns_are_constant_or_null_and_types_are_cast(
    tmp_path: Path,
) -> None:
    lacking = pa.table({"contribution_id": pa.array(["id-1"], pa.string())})
    table = ContributionFiles(make_files(tmp_path, lacking, lacking), leave_nothing_out)
    assert read(table, ["number", "contribution_id", "source"]) == [
        {"number": 0, "contribution_id": "id-1", "source": None},
        {"number": 1, "contribution_id": "id-1", "source": None},
    ]
    assert read(table, ["contribution_id"], ds.field("number") == 1) == [
        {"contribution_id": "id-1"}
    ]


@pytest.mark.parametrize(
    ("condition", "contents"),
    [
        (ds.field("source") == "s1", ["1.0", "1.1"]),
        (ds.field("conversation.content") == "2.2", ["2.2"]),
        ((pc.field("turn_number") > 0) & (ds.field("source") == "s0"), ["2.1", "2.2"]),
        (ds.field("number") == 1, []),
    ],
)
def test_conditions_may_use_columns_that_are_not_read(
    tmp_path: Path, condition: ds.Expression, contents: list[str]
) -> None:
    files = make_files(tmp_path, pa.Table.from_pylist(make_rows(range(3)), FILE_SCHEMA))
    turns = read(TurnFiles(files, leave_nothing_out), ["conversation.content"], condition)
    assert [turn["conversation.content"] for turn in turns] == contents


def test_a_scan_that_is_given_up_opens_no_further_file(tmp_path: Path) -> None:
    rows = pa.Table.from_pylist(make_rows(range(3)), FILE_SCHEMA)
    files = make_files(tmp_path, rows, rows)
    reader = ContributionFiles(files, leave_nothing_out).scanner(None, None).to_reader()
    Path(files.files[1]).unlink()
    assert reader.read_next_batch().num_rows == 3


def test_the_error_of_an_unreadable_file_is_kept(tmp_path: Path) -> None:
    files = make_files(tmp_path, pa.Table.from_pylist(make_rows(range(3)), FILE_SCHEMA))
    Path(files.files[0]).unlink()
    table = ContributionFiles(files, leave_nothing_out)
    with pytest.raises(FileNotFoundError):
        read(table, ["source"])
    assert isinstance(table.failure, FileNotFoundError)


@pytest.mark.slow
def test_a_scan_starts_no_thread_since_its_stack_may_not_fit(tmp_path: Path) -> None:
    make_files(tmp_path, pa.Table.from_pylist(make_rows(range(3)), FILE_SCHEMA))
    before, after = output_of(
        """
        import os, sys
        import pyarrow as pa, pyarrow.dataset as ds
        from sandbox.scan import TurnFiles

        files = ds.dataset(sys.argv[1])
        print(len(os.listdir("/proc/self/task")))
        ids = pa.array(["id-000001"], pa.large_string())
        turns = TurnFiles(files, lambda _: ids)
        turns = turns.scanner(["conversation.content"], ds.field("source") == "s0")
        assert turns.to_reader().read_all().num_rows == 4
        print(len(os.listdir("/proc/self/task")))
        """,
        tmp_path / "0.parquet",
    )
    assert before == after
