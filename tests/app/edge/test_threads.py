import asyncio
import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from threading import Event, current_thread

import pytest

from app.edge.threads import Threads

LABEL: ContextVar[str] = ContextVar("label", default="none")


@pytest.fixture
def threads() -> Iterator[Threads]:
    """One thread."""
    made = Threads(1, "worker")
    yield made
    made.close()


def test_a_function_runs_in_a_thread_with_the_context_of_its_caller(threads: Threads) -> None:
    async def run() -> tuple[str, str]:
        LABEL.set("mine")
        return await threads.run(lambda: (LABEL.get(), current_thread().name))

    assert asyncio.run(run()) == ("mine", "worker_0")
    assert asyncio.run(threads.run(LABEL.get)) == "none"


def test_errors_reach_the_caller(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(threads.run(lambda: 1 // 0))


@pytest.mark.parametrize("surely", [True, False])
def test_a_cancelled_task_withdraws_what_does_not_run_yet(threads: Threads, surely: bool) -> None:
    gate = Event()
    ran: list[str] = []

    async def cancel() -> None:
        threads.start(gate.wait)
        run = threads.run_surely if surely else threads.run
        task = asyncio.create_task(run(ran.append, "second"))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        gate.set()
        await threads.run(ran.append, "third")

    asyncio.run(cancel())
    assert ran == (["second", "third"] if surely else ["third"])
