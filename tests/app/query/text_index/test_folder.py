import logging
from pathlib import Path

import pyarrow as pa
import pytest

from app.query.filters import Filters
from app.query.snapshots import Reference
from app.query.text_index.folder import TextIndexes
from app.services import Services
from catalog.reading.plans import DataFile
from catalog.table import load_table
from tests.factories import commit_batch, make_received

TEXTS = ("the sky", "the sea", "天气")


@pytest.fixture
def indexes(services: Services) -> TextIndexes:
    return services.reading.text_indexes


@pytest.fixture
def file(services: Services) -> DataFile:
    commit_batch(services, *(make_received(0, text) for text in TEXTS))
    (file,) = services.reading.snapshots.view(Reference()).files()
    return file


@pytest.fixture
def indexed(services: Services, file: DataFile) -> DataFile:
    assert build(services, file)
    return file


def build(services: Services, file: DataFile, *, is_needed: bool = True) -> bool:
    table = load_table(services.catalog)
    return services.reading.text_indexes.build(table, file, lambda: None, lambda: is_needed)


def the_file(indexes: TextIndexes, pattern: str) -> Path:
    """Return the one file of the folder whose name is like that."""
    (path,) = indexes._folder.glob(pattern)
    return path


def the_index(indexes: TextIndexes) -> Path:
    return the_file(indexes, "*.sqlite")


def the_parts(indexes: TextIndexes) -> Path:
    return the_file(indexes, "*.parts")


def found(services: Services, text: str) -> list[str]:
    view = services.reading.snapshots.view(Reference())
    batches = services.reading.contributions.stream(view, Filters(q=text), ["contribution_id"])
    return sorted(each for batch in batches for each in batch.column(0).to_pylist())


def test_candidates_are_those_that_an_index_names(indexes: TextIndexes, indexed: DataFile) -> None:
    assert indexes.candidates("SEA")(indexed) == pa.array([1])
    assert indexes.candidates("absent")(indexed) == pa.array([], "int64")


def test_all_rows_are_candidates_without_an_index_and_without_words(
    indexes: TextIndexes, file: DataFile, services: Services
) -> None:
    assert indexes.candidates("sea")(file) is None
    assert build(services, file)
    assert indexes.candidates("?!")(file) is None


def test_a_broken_index_hides_no_rows(
    services: Services, indexed: DataFile, caplog: pytest.LogCaptureFixture
) -> None:
    expected = found(services, "sea")
    assert len(expected) == 1
    path = the_index(services.reading.text_indexes)
    path.write_bytes(path.read_bytes()[:4096] + bytes(4096))
    with caplog.at_level(logging.WARNING):
        assert found(services, "sea") == expected
    assert "can't be read" in caplog.text
    path.write_bytes(b"")
    assert found(services, "sea") == expected
    assert indexed.rows == len(TEXTS)


def test_an_index_of_a_replaced_file_never_appears(
    indexes: TextIndexes, file: DataFile, services: Services
) -> None:
    assert not build(services, file, is_needed=False)
    assert list(indexes._folder.iterdir()) == []


def test_a_takedown_throws_away_what_is_being_built(
    indexes: TextIndexes, file: DataFile, services: Services
) -> None:
    removed = []
    table = load_table(services.catalog)
    pause = lambda: removed.append(indexes.remove_others(list))  # noqa: E731
    assert not indexes.build(table, file, pause, lambda: True)
    assert removed == [1]
    assert list(indexes._folder.iterdir()) == []


def test_what_is_no_index_of_a_file_is_removed(indexes: TextIndexes, indexed: DataFile) -> None:
    (indexes._folder / "strange").touch()
    assert indexes.remove_others(lambda: [indexed]) == 1
    assert indexes.is_indexed(indexed)
    assert indexes.remove_others(list) == 2
    assert not indexes.is_indexed(indexed)
    assert indexes.remove_others(list) == 0


def test_an_index_stays_closed_when_no_word_has_the_parts(
    indexes: TextIndexes, indexed: DataFile
) -> None:
    the_index(indexes).write_bytes(b"not opened")
    assert indexes.candidates("absent")(indexed) == pa.array([], "int64")


def test_an_index_without_parts_is_looked_into_and_gets_them(
    indexes: TextIndexes, indexed: DataFile, services: Services
) -> None:
    index, parts = the_index(indexes), the_parts(indexes)
    expected, built = parts.read_bytes(), index.stat().st_mtime_ns
    parts.unlink()
    assert not indexes.is_indexed(indexed)
    assert indexes.candidates("SEA")(indexed) == pa.array([1])
    assert indexes.candidates("absent")(indexed) == pa.array([], "int64")
    build(services, indexed, is_needed=False)
    assert not indexes.is_indexed(indexed)
    assert build(services, indexed)
    assert (parts.read_bytes(), index.stat().st_mtime_ns) == (expected, built)
    assert indexes.is_indexed(indexed)


def test_a_broken_index_without_parts_is_built_anew(
    indexes: TextIndexes, indexed: DataFile, services: Services
) -> None:
    the_parts(indexes).unlink()
    the_index(indexes).write_bytes(b"broken" * 1000)
    assert not build(services, indexed)
    assert build(services, indexed)
    assert indexes.is_indexed(indexed)
    assert len(found(services, "sea")) == 1


def test_parts_without_their_index_leave_out_no_row_and_are_written_again(
    indexes: TextIndexes, indexed: DataFile, services: Services
) -> None:
    # A process was killed between both renames.
    the_index(indexes).unlink()
    assert indexes.candidates("sea")(indexed) is None
    assert len(found(services, "sea")) == 1
    assert indexes.remove_others(lambda: [indexed]) == 0
    assert build(services, indexed)
    assert indexes.candidates("SEA")(indexed) == pa.array([1])


def test_the_status_counts_files_and_rows(indexes: TextIndexes, indexed: DataFile) -> None:
    status = indexes.status([indexed])
    assert (status.files, status.rows, status.missing_files, status.missing_rows) == (1, 3, 0, 0)
    size = the_index(indexes).stat().st_size + the_parts(indexes).stat().st_size
    assert status.size_bytes == size
    indexes.remove_others(list)
    status = indexes.status([indexed])
    assert (status.files, status.rows, status.missing_files, status.missing_rows) == (0, 0, 1, 3)
