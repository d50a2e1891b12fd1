import asyncio
import gzip
from dataclasses import replace

import pytest

from app.api.body import FREE_BYTES
from app.api.guards import Admission, WorkerBusy
from app.edge.bodies import Bodies
from app.ingest.errors import LimitExceeded, MalformedBody
from app.settings import Settings
from tests.app.edge.test_requests import Exchange

MAX_BYTES = 4 * FREE_BYTES


@pytest.fixture
def memory() -> Admission:
    """The memory of the worker."""
    return Admission("max_bodies_bytes", 2 * MAX_BYTES)


@pytest.fixture
def bodies(settings: Settings, memory: Admission) -> Bodies:
    """Receives bodies of up to `MAX_BYTES`."""
    return Bodies(replace(settings, max_body_bytes=MAX_BYTES), memory)


def test_a_small_body_needs_no_part_of_the_memory(bodies: Bodies, memory: Admission) -> None:
    exchange = Exchange()
    exchange.arrive(b"a")
    exchange.arrive(b"b", more=False)
    with memory.holding(memory.maximum):
        assert asyncio.run(bodies.receive(exchange.request)) == b"ab"
    assert memory.held == 0


def test_a_large_body_holds_its_size_until_it_is_released(
    bodies: Bodies, memory: Admission
) -> None:
    exchange = Exchange()
    exchange.arrive(b"x" * FREE_BYTES)
    exchange.arrive(b"x", more=False)
    assert len(asyncio.run(bodies.receive(exchange.request))) == FREE_BYTES + 1
    assert memory.held == FREE_BYTES + 1
    for _ in range(2):
        bodies.release(exchange.request)
        assert memory.held == 0


def test_a_large_body_whose_size_is_told_holds_all_of_it_before_it_is_complete(
    bodies: Bodies, memory: Admission
) -> None:
    size = 3 * FREE_BYTES
    exchange = Exchange((b"content-length", str(size).encode()))
    exchange.arrive(b"x" * (FREE_BYTES + 1), more=False)
    asyncio.run(bodies.receive(exchange.request))
    assert memory.held == size


def test_a_body_that_finds_no_memory_is_refused_except_for_one(
    bodies: Bodies, memory: Admission
) -> None:
    first, second, third = Exchange(), Exchange(), Exchange()
    for exchange in (first, second, second, third):
        exchange.arrive(b"x" * (FREE_BYTES + 1))
    for exchange in (first, third):
        exchange.arrive(b"x", more=False)
    with memory.holding(memory.maximum):
        for exchange in (first, third):
            asyncio.run(bodies.receive(exchange.request))
            with pytest.raises(WorkerBusy, match="max_bodies_bytes"):
                asyncio.run(bodies.receive(second.request))
            bodies.release(second.request)
            bodies.release(exchange.request)
    assert memory.held == 0


@pytest.mark.parametrize("is_told", [True, False])
def test_a_body_that_is_too_large_is_refused_before_it_comes_if_its_size_is_told(
    bodies: Bodies, is_told: bool
) -> None:
    size = str(MAX_BYTES + 1).encode()
    exchange = Exchange(*([(b"content-length", size)] if is_told else []))
    if not is_told:
        exchange.arrive(b"x" * MAX_BYTES)
        exchange.arrive(b"x")
    with pytest.raises(LimitExceeded, match="max_body_bytes"):
        asyncio.run(bodies.receive(exchange.request))
    bodies.release(exchange.request)


def test_a_view_may_take_less(bodies: Bodies) -> None:
    exchange = Exchange()
    exchange.arrive(b"ab", more=False)
    with pytest.raises(LimitExceeded, match="= 1"):
        asyncio.run(bodies.receive(exchange.request, 1))


def test_the_text_of_a_compressed_body_needs_memory_too(bodies: Bodies, memory: Admission) -> None:
    exchange = Exchange()
    text = b"x" * (2 * FREE_BYTES)
    body = gzip.compress(text)
    assert bodies.decompress(exchange.request, body, "gzip") == text
    assert memory.held == len(text) + len(body)
    with memory.holding(memory.maximum - memory.held):
        other = Exchange()
        with pytest.raises(WorkerBusy):
            bodies.decompress(other.request, body, "gzip")
        assert other.request.held_bytes == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [(gzip.compress(b"x" * (MAX_BYTES + 1)), LimitExceeded), (b"no gzip", MalformedBody)],
)
def test_a_body_that_can_not_be_decompressed_is_refused(
    bodies: Bodies, body: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        bodies.decompress(Exchange().request, body, "gzip")
