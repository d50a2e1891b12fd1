"""What one measurement came to. Standard library only: programs of any environment print it."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """Durably stored rows, and how long that took, in seconds."""

    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds

    def to_json(self) -> str:
        """Return it as a line for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Figure":
        """Read what `to_json` wrote."""
        return cls(**json.loads(line))
