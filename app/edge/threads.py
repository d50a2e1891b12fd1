"""A bounded pool of threads for what would hold up the event loop."""

from asyncio import shield, wrap_future
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Threads that are started as they are needed."""

    def __init__(self, count: int, name: str) -> None:
        """Prepare to run functions.

        Args:
            count: How many functions run at once; others wait for their turn.
            name: What the threads are called.
        """
        self._pool = ThreadPoolExecutor(count, name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns in a thread, with the caller's context variables.

        A task that is cancelled while it waits here withdraws the function, unless it runs already.
        """
        return await wrap_future(self.start(function, *args, **kwargs))

    async def run_surely(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what `run` does, but also run the function if the task is cancelled."""
        return await shield(wrap_future(self.start(function, *args, **kwargs)))

    def start(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a function run in a thread some time, without waiting for it."""
        context = copy_context()
        return self._pool.submit(lambda: context.run(function, *args, **kwargs))

    def close(self, *, wait: bool = True) -> None:
        """End the threads once they have finished their work.

        Args:
            wait: Whether to return only then.
        """
        self._pool.shutdown(wait=wait)
