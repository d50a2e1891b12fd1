"""The memory of a stream doesn't grow with the lake."""

import tracemalloc
from random import Random

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app.api.formats import STREAMS
from app.services import Services
from tests.factories import commit_batch, make_received

BATCHES = 32
BATCH_ROWS = 2048
TEXT_BYTES = 500
LAKE_BYTES = BATCHES * BATCH_ROWS * TEXT_BYTES
GROWTH = 1.25
"""The factor by which the whole stream may need more memory than its first half: noise."""


@pytest.fixture
def lake(services: Services) -> None:
    """A lake of many small batches whose texts don't compress, over two days."""
    random = Random(0)  # noqa: S311  # texts, not secrets
    for number in range(BATCHES):
        rows = (
            make_received(number % 2, random.randbytes(TEXT_BYTES // 2).hex())
            for _ in range(BATCH_ROWS)
        )
        commit_batch(services, *rows)


def measure(client: FlaskClient, media_type: str) -> list[tuple[int, int]]:
    """Read a stream; return the bytes sent and the peak of memory, in bytes, after each chunk."""
    before = pa.total_allocated_bytes()
    measured = [(0, 0)]
    tracemalloc.start()
    try:
        response = client.get("/v1/contributions", headers={"Accept": media_type}, buffered=False)
        for chunk in response.iter_encoded():
            sent, highest = measured[-1]
            in_python, _ = tracemalloc.get_traced_memory()
            in_use = in_python + pa.total_allocated_bytes() - before
            measured.append((sent + len(chunk), max(highest, in_use)))
    finally:
        tracemalloc.stop()
    return measured


@pytest.mark.slow
@pytest.mark.usefixtures("lake")
def test_a_stream_of_any_form_needs_bounded_memory(client: FlaskClient) -> None:
    for media_type in STREAMS:
        measured = measure(client, media_type)
        sent, highest = measured[-1]
        at_half = max(memory for so_far, memory in measured if so_far <= sent / 2)
        assert sent > LAKE_BYTES / 2, media_type
        assert highest < LAKE_BYTES / 2, media_type
        assert highest < GROWTH * at_half, media_type
