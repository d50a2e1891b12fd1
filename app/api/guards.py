"""Limits that keep clients from holding up or filling a worker process."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final, cast

from flask import Flask, current_app

from app.settings import Settings
from catalog.errors import Overloaded

_EXTENSION: Final = "chatlake.guards"


class WorkerBusy(Overloaded):
    """The worker's requests already hold as much as a setting allows.

    Attributes:
        limit: The name of the setting.
        maximum: The value of the setting.
    """

    def __init__(self, limit: str, maximum: int) -> None:
        super().__init__(f"{limit} = {maximum} is reached; try again later")
        self.limit = limit
        self.maximum = maximum


class Admission:
    """A limited amount, such as memory or threads, of which each request holds a part.

    Attributes:
        maximum: The amount that requests may hold together.
        held: The amount that requests hold at present.
    """

    def __init__(self, limit: str, maximum: int) -> None:
        """Admit requests up to a maximum.

        Args:
            limit: The name of the setting that gives the maximum.
            maximum: The value of that setting.
        """
        self._limit = limit
        self.maximum = maximum
        self.held = 0
        self._counting = Lock()

    def take(self, amount: int = 1, *, in_any_case: bool = False) -> None:
        """Hold an amount until `give_back` is called.

        Args:
            amount: The amount.
            in_any_case: Whether to hold it even if the maximum is exceeded.

        Raises:
            WorkerBusy: Less than the amount is left. An amount above the maximum is admitted when
                nothing else is held.
        """
        with self._counting:
            is_admitted = in_any_case or not self.held
            if not is_admitted and self.held + amount > self.maximum:
                raise WorkerBusy(self._limit, self.maximum)
            self.held += amount

    def give_back(self, amount: int = 1) -> None:
        """Release an amount that was taken."""
        with self._counting:
            self.held -= amount

    @contextmanager
    def holding(self, amount: int = 1) -> Iterator[None]:
        """Hold an amount during the block.

        Raises:
            WorkerBusy: Less than the amount is left.
        """
        self.take(amount)
        try:
            yield
        finally:
            self.give_back(amount)


class Guards:
    """The limits of one worker process.

    Attributes:
        bodies: Memory for large bodies, in bytes.
        uploads: Places for uploads.
        reads: Places for reads of the lake.
    """

    def __init__(self, settings: Settings) -> None:
        self.bodies = Admission("max_bodies_bytes", settings.max_bodies_bytes)
        self.uploads = Admission("max_uploads", settings.max_uploads)
        self.reads = Admission("max_reads", settings.max_reads)


def init_app(app: Flask, settings: Settings) -> Guards:
    """Give the application its guards, and return them."""
    guards = app.extensions[_EXTENSION] = Guards(settings)
    return guards


def guards_of(app: Flask) -> Guards:
    """Return the guards of an application."""
    return cast("Guards", app.extensions[_EXTENSION])


def current_guards() -> Guards:
    """Return the guards of the application that handles the current request."""
    return guards_of(current_app)
