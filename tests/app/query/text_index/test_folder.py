import logging
from pathlib import Path

import pyarrow as pa
import pytest

from app.query.filters import Filters
from app.query.snapshots import Reference
from app.query.text_index import folder
from app.query.text_index.folder import TextIndexes
from app.services import Services
from catalog.reading.plans import DataFile
from catalog.schema import ROW_GROUP_ROWS
from catalog.table import load_table
from tests.factories import FIRST_DAY, commit_batch, make_received

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


def the_index(indexes: TextIndexes) -> Path:
    (path,) = indexes._folder.iterdir()
    return path


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
    assert indexes.remove_others(list) == 1
    assert not indexes.is_indexed(indexed)
    assert indexes.remove_others(list) == 0


def test_small_files_and_those_that_are_soon_compacted_are_read(
    indexes: TextIndexes, file: DataFile
) -> None:
    def made(rows: int, first_sequence_number: int = 1) -> DataFile:
        return DataFile(
            path="p",
            day=FIRST_DAY.date(),
            rows=rows,
            size_bytes=1,
            sequence_number=2,
            first_sequence_number=first_sequence_number,
            last_sequence_number=2,
            until=None,
        )

    closed, still_open = file.day.replace(day=file.day.day + 1), file.day
    fewest = folder.FEWEST_ROWS
    assert not indexes.is_worth_it(made(fewest - 1), closed)
    assert indexes.is_worth_it(made(fewest), closed)
    assert indexes.is_worth_it(made(fewest), still_open)
    fresh = made(fewest, first_sequence_number=2)
    assert not indexes.is_worth_it(fresh, still_open)
    assert indexes.is_worth_it(made(ROW_GROUP_ROWS, first_sequence_number=2), still_open)


def test_the_status_counts_files_and_rows(indexes: TextIndexes, indexed: DataFile) -> None:
    status = indexes.status([indexed])
    assert (status.files, status.rows, status.missing_files, status.missing_rows) == (1, 3, 0, 0)
    assert status.size_bytes == the_index(indexes).stat().st_size
    indexes.remove_others(list)
    status = indexes.status([indexed])
    assert (status.files, status.rows, status.missing_files, status.missing_rows) == (0, 0, 1, 3)
