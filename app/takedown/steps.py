"""The steps of erasing. Each is responsible for some of the places that may hold a contribution."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

OnIds = Callable[[pa.Array], object]
"""Does something about contributions, given their contribution_ids in ascending order."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of erasing.

    Attributes:
        name: What it erases from, for log lines.
        erase: Erases contributions. When it returns, none of its places holds them. It may be cut
            off anywhere and called again, also with ids that it has erased.
        is_needed: Whether the steps after it may only be taken once it has succeeded.
        is_waited_for: Whether readers wait for it, so that it isn't put off until others are taken.
    """

    name: str
    erase: OnIds
    is_needed: bool = False
    is_waited_for: bool = False
