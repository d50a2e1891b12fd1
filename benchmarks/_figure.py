"""The result of a measurement. Standard library only, since programs of any environment use it."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """The number of durably stored rows, and the time that storing them took."""

    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds

    def to_json(self) -> str:
        """Return the figure as a line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Figure":
        """Read a figure from a line that `to_json` returned."""
        return cls(**json.loads(line))
