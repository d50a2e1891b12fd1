"""How much a worker takes on at once; what is more is told to come again."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from catalog.errors import Overloaded


class TooBusy(Overloaded):
    """The worker has as much at once of a kind as it may.

    Attributes:
        limit: The setting's name.
        maximum: Its value.
    """

    def __init__(self, limit: str, maximum: int) -> None:
        super().__init__(f"{limit} = {maximum} is reached; try again later")
        self.limit = limit
        self.maximum = maximum


class Admission:
    """An amount of which requests hold a part each, such as memory or threads."""

    def __init__(self, limit: str, maximum: int) -> None:
        """Admit up to `maximum`, which is the value of the setting `limit`."""
        self._limit = limit
        self._maximum = maximum
        self._held = 0
        self._counting = Lock()

    def take(self, amount: int = 1) -> None:
        """Hold an amount, until it is given back.

        Raises:
            TooBusy: Not so much is left. What alone exceeds the maximum gets in when nothing is
                held.
        """
        with self._counting:
            if self._held and self._held + amount > self._maximum:
                raise TooBusy(self._limit, self._maximum)
            self._held += amount

    def give_back(self, amount: int = 1) -> None:
        """Hold an amount no longer."""
        with self._counting:
            self._held -= amount

    @contextmanager
    def holding(self, amount: int = 1) -> Iterator[None]:
        """Hold an amount during the block.

        Raises:
            TooBusy: Not so much is left.
        """
        self.take(amount)
        try:
            yield
        finally:
            self.give_back(amount)
