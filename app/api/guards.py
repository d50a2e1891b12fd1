"""What keeps a worker from being held up or filled by its clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

from flask import Flask, current_app

from app.api.admission import Admission
from app.api.deadlines import Deadlines
from app.settings import Settings

_EXTENSION: Final = "chatlake.guards"


class Guards:
    """The guards of a worker's requests.

    Attributes:
        deadlines: Until when bodies may come.
        bodies: The memory for bodies that may be large, in bytes.
        long_requests: The threads for requests that may take long: uploads and reads.
        reads: The share of those threads that reads of the lake may take.
    """

    def __init__(self, settings: Settings) -> None:
        self.deadlines = Deadlines()
        self.bodies = Admission("max_bodies_bytes", settings.max_bodies_bytes)
        self.long_requests = Admission("max_long_requests", settings.max_long_requests)
        self.reads = Admission("max_reads", settings.max_reads)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the thread of a read during the block.

        Raises:
            TooBusy: As many reads are under way as may be, or as many long requests.
        """
        with self.reads.holding(), self.long_requests.holding():
            yield


def init_app(app: Flask, settings: Settings) -> Guards:
    """Give the application its guards, and return them."""
    guards = app.extensions[_EXTENSION] = Guards(settings)
    return guards


def current_guards() -> Guards:
    """Return the guards of the application that handles the request."""
    return cast("Guards", current_app.extensions[_EXTENSION])
