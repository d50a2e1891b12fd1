from collections.abc import Iterator
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.api.formats import ARROW_STREAM, CSV, NDJSON, PARQUET, STREAMS
from catalog.columns.arrow import to_arrow
from catalog.columns.rows import plain_rows
from catalog.schema import ARROW_SCHEMA, ROW_GROUP_BYTES, ROW_GROUP_ROWS
from tests.factories import make_received


def batch_of(rows: int, text: str = "Hi") -> pa.RecordBatch:
    (batch,) = to_arrow([make_received(0, text) for _ in range(rows)]).to_batches()
    return batch


def test_many_small_batches_share_the_row_groups_of_a_parquet_stream() -> None:
    batch = batch_of(1000)
    stream = b"".join(STREAMS[PARQUET]([batch] * 9, ARROW_SCHEMA, plain_rows))
    metadata = pq.ParquetFile(BytesIO(stream)).metadata
    rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert rows == [ROW_GROUP_ROWS, 9000 - ROW_GROUP_ROWS]


def test_large_conversations_make_row_groups_of_fewer_rows() -> None:
    batch = batch_of(2, "x" * (ROW_GROUP_BYTES // 8))
    stream = b"".join(STREAMS[PARQUET]([batch] * 6, ARROW_SCHEMA, plain_rows))
    metadata = pq.ParquetFile(BytesIO(stream)).metadata
    rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert rows == [8, 4]


@pytest.mark.parametrize("media_type", [NDJSON, ARROW_STREAM, CSV])
def test_each_batch_is_sent_before_the_next_one_is_read(media_type: str) -> None:
    read: list[pa.RecordBatch] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(3):
            read.append(batch_of(10))
            yield read[-1]

    stream = STREAMS[media_type](batches(), ARROW_SCHEMA, plain_rows)
    if media_type == CSV:
        assert next(stream).startswith(b"contribution_id,")
    for number in range(1, 4):
        assert next(stream)
        assert len(read) == number


def test_a_stream_of_no_rows_still_has_its_schema() -> None:
    arrow = b"".join(STREAMS[ARROW_STREAM]([], ARROW_SCHEMA, plain_rows))
    assert pa.ipc.open_stream(arrow).read_all() == ARROW_SCHEMA.empty_table()
    parquet = b"".join(STREAMS[PARQUET]([], ARROW_SCHEMA, plain_rows))
    assert pq.read_table(BytesIO(parquet)) == ARROW_SCHEMA.empty_table()
    assert b"".join(STREAMS[NDJSON]([], ARROW_SCHEMA, plain_rows)) == b""
    header = ",".join(ARROW_SCHEMA.names).encode()
    assert b"".join(STREAMS[CSV]([], ARROW_SCHEMA, plain_rows)) == header + b"\r\n"
