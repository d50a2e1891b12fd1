"""What a lake is made on: SQLite with a local folder, or PostgreSQL with S3.

A test runs on SQLite. One whose outcome the database or the object store could change is marked
`both`, and runs on each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.settings import Settings

EMBEDDED: Final = "sqlite"
CLUSTERED: Final = "postgresql"


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to make lakes.

    Attributes:
        name: Which one.
        places: Makes the settings of where a new lake keeps its state. Given another lake's
            settings, a database that isn't in the home folder is a copy of that lake's.
    """

    name: str
    places: Callable[..., dict[str, Any]]

    @property
    def is_embedded(self) -> bool:
        """Whether all state lies in the home folder."""
        return self.name == EMBEDDED

    def settings(self, home: Path, like: Settings | None = None, **values: Any) -> Settings:
        """Return the settings of a new lake, as `places` makes it."""
        return Settings.at(home, **self.places(like), **values)
