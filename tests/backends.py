"""The backends of a lake: SQLite with a local folder, or PostgreSQL with S3.

A test runs on SQLite. A test whose result could depend on the database or the object store is
marked `both`, and runs on each backend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.settings import Settings

EMBEDDED: Final = "sqlite"
CLUSTERED: Final = "postgresql"
WAITS: Final[dict[str, Any]] = {"sql_timeout_s": 60.0, "takedown_grace_s": 0}
"""Settings of every lake of a test, unless the test has its own.

A busy machine takes seconds to start a query's process, and nobody else reads files that a takedown
removes.
"""


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to make lakes.

    Attributes:
        name: `EMBEDDED` or `CLUSTERED`.
        places: Returns the settings of the places of a new lake's state. Given the settings of
            another lake, a database on a server is a copy of that lake's.
    """

    name: str
    places: Callable[..., dict[str, Any]]

    @property
    def is_embedded(self) -> bool:
        """Whether all state lies in the home folder."""
        return self.name == EMBEDDED

    def settings(self, home: Path, like: Settings | None = None, **values: Any) -> Settings:
        """Return the settings of a new lake.

        Args:
            home: Home folder of the lake.
            like: Settings of a lake whose database is copied; None for an empty database.
            values: Other settings.
        """
        return Settings.at(home, **{**WAITS, **self.places(like), **values})
