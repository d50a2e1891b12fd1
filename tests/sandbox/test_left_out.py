"""What a query's process reads of the files that tell what was replaced."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from sandbox.left_out import Replaced
from sandbox.protocol import ReplacedFiles

DAYS = (date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 2))
SCHEMA = pa.schema({"contribution_id": pa.large_string(), "sequence_number": pa.int64()})
HIDDEN = pa.array(["hidden"], pa.large_string())


@pytest.fixture
def files(tmp_path: Path) -> ReplacedFiles:
    """Two files of the first day, and one of the second."""
    paths = []
    for number, ids in enumerate((["c", "d"], ["a"], ["e"])):
        rows = {"contribution_id": ids, "sequence_number": range(1, 1 + len(ids))}
        paths.append(str(tmp_path / f"{number}.parquet"))
        pq.write_table(pa.table(rows), paths[-1])
    return ReplacedFiles(paths=tuple(paths), days=DAYS, last_sequence_number=None, schema=SCHEMA)


def left_out(files: ReplacedFiles, hidden: pa.Array = HIDDEN) -> Replaced:
    days = {"first": DAYS[0], "second": DAYS[2], "third": date(2026, 3, 3)}
    return Replaced(files, LocalFileSystem(), days, hidden)


def test_a_file_lacks_what_was_replaced_of_its_day_and_what_is_hidden(files: ReplacedFiles) -> None:
    replaced = left_out(files)
    assert replaced("first").to_pylist() == ["a", "c", "d", "hidden"]
    assert replaced("second").to_pylist() == ["e", "hidden"]
    assert replaced("third").to_pylist() == ["hidden"]


def test_what_was_replaced_after_the_snapshot_stays(files: ReplacedFiles) -> None:
    then = ReplacedFiles(
        paths=files.paths, days=files.days, last_sequence_number=1, schema=files.schema
    )
    assert left_out(then)("first").to_pylist() == ["a", "c", "hidden"]


def test_a_day_is_read_once_and_other_days_are_not(files: ReplacedFiles) -> None:
    Path(files.paths[2]).unlink()
    replaced = left_out(files)
    expected = replaced("first")
    for path in files.paths[:2]:
        Path(path).unlink()
    assert replaced("first") == expected
    with pytest.raises(FileNotFoundError):
        replaced("second")


def test_files_of_days_are_those_of_the_days(files: ReplacedFiles) -> None:
    assert files.of(DAYS[2:]).paths == files.paths[2:]
    assert files.of([]).days == ()
