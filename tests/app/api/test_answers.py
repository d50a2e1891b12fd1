from collections.abc import Iterator

import pyarrow as pa
import pytest
from flask import Flask, Response

from app.api.answers import SNAPSHOT_HEADER, answer, stream
from app.api.formats import JSON, NDJSON, STREAMS
from app.api.reads import CLIENT
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from catalog.schema import ARROW_SCHEMA
from tests.factories import commit_batch, make_received

SCHEMA = pa.schema([("number", pa.int64())])


class Scan:
    """Batches without end, every other one without rows."""

    def __init__(self) -> None:
        self.batches = 0
        self.is_open = False

    def read(self, rows: int = 1) -> Iterator[pa.RecordBatch]:
        """Yield batches of so many rows and of none."""
        self.is_open = True
        try:
            while True:
                self.batches += 1
                numbers = [self.batches] * (rows if self.batches % 2 else 0)
                yield pa.record_batch([pa.array(numbers, pa.int64())], SCHEMA)
        finally:
            self.is_open = False


class Reader:
    """A client that is connected until a test says otherwise."""

    has_left = False


@pytest.fixture
def reader() -> Reader:
    """The client of the request."""
    return Reader()


def stream_to(app: Flask, scan: Scan, reader: Reader, rows: int = 1) -> Response:
    with app.test_request_context(environ_overrides={CLIENT: reader}):
        return stream(scan.read(rows), SCHEMA, NDJSON, "7")


def test_an_answer_names_its_snapshot_and_varies_with_accept() -> None:
    response = answer(b"{}", JSON, "7")
    assert response.headers[SNAPSHOT_HEADER] == "7"
    assert response.headers["Vary"] == "Accept"
    assert SNAPSHOT_HEADER not in answer(b"{}", JSON, None).headers


@pytest.mark.parametrize("media_type", STREAMS)
def test_rows_of_any_schema_come_in_any_form(app: Flask, media_type: str) -> None:
    schema = pa.schema([("a", pa.date32()), ("b", pa.map_(pa.string(), pa.float64()))])
    batch = pa.record_batch(
        [pa.array([0], pa.date32()), pa.array([[("x", 0.5)]], schema[1].type)], schema
    )
    with app.test_request_context():
        response = stream([batch], schema, media_type, None)
    assert response.get_data()


def test_batches_without_rows_are_not_sent(app: Flask, reader: Reader) -> None:
    response = stream_to(app, Scan(), reader)
    chunks = response.iter_encoded()
    assert [next(chunks) for _ in range(3)] == [b'{"number":%d}\n' % n for n in (1, 3, 5)]
    response.close()


@pytest.mark.parametrize("rows", [1, 0])
def test_a_scan_ends_when_its_client_leaves_also_while_it_finds_nothing(
    app: Flask, reader: Reader, rows: int
) -> None:
    scan = Scan()
    response = stream_to(app, scan, reader, rows)
    chunks = response.iter_encoded()
    if rows:
        next(chunks)
    reader.has_left = True
    with pytest.raises(BrokenPipeError):
        next(chunks)
    assert scan.batches <= 2
    response.close()
    del chunks
    assert not scan.is_open


def test_a_scan_ends_when_its_client_leaves_also_while_no_file_has_a_match(
    app: Flask, services: Services, reader: Reader
) -> None:
    # By their bounds, both files may have rows of bob.
    for day in range(2):
        commit_batch(services, *(make_received(day, contributor_id=name) for name in ("ada", "cy")))
    view = services.reading.snapshots.view(Reference())
    rows = services.reading.contributions.stream(view, Filters(contributor_id="bob"))

    def read_while_client_leaves() -> Iterator[pa.RecordBatch]:
        reader.has_left = True
        yield from rows

    with app.test_request_context(environ_overrides={CLIENT: reader}):
        response = stream(read_while_client_leaves(), ARROW_SCHEMA, NDJSON, "7")
    with pytest.raises(BrokenPipeError):
        next(response.iter_encoded(), None)
    response.close()


def test_a_stream_is_cut_off_once_its_files_may_be_gone(
    app: Flask, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("app.api.reads.monotonic", lambda: now)
    chunks = stream_to(app, Scan(), reader).iter_encoded()
    now += app.extensions["chatlake"].settings.read_grace_s
    assert next(chunks)
    now += 1
    with pytest.raises(BrokenPipeError, match="read_grace_s"):
        next(chunks)
