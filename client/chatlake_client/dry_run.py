"""Shows conversations instead of sending them."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from chatlake_client.records import Accepted, Json, Outcome, PreparedRow

SHOWN_ROWS: Final = 3


class DryRun:
    """Takes the place of a sender, and accepts every row.

    Args:
        show: Is given the first submissions, as they would be sent.
    """

    ignored: Collection[str] = ()
    repeated: int = 0
    unowned: int = 0

    def __init__(self, show: Callable[[Json], None]) -> None:
        self._show = show
        self._shown = 0
        self._is_stopped = False

    def stop(self) -> None:
        """Take no more rows."""
        self._is_stopped = True

    def send(self, rows: Iterable[PreparedRow]) -> Iterator[Outcome]:
        """Yield one outcome for each row."""
        for row in rows:
            if self._shown < SHOWN_ROWS:
                self._show(row.body)
                self._shown += 1
            yield Accepted(row.line)
            if self._is_stopped:
                return
