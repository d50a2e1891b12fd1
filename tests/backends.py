"""What a lake is made on: SQLite with a local folder, or PostgreSQL with S3.

Which tests run on both is decided here. They are those whose outcome the database or the object
store could change: the journal, the committer, the ledger, migrations, reading at a snapshot,
stages, releases, and the whole service in good and in bad moments. All others, such as those of
decoding or of error envelopes, would only say the same twice, and run on SQLite.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from app.settings import Settings

ROOT: Final = Path(__file__).parent

EMBEDDED: Final = "sqlite"
CLUSTERED: Final = "postgresql"

ON_BOTH: Final = frozenset(
    {
        "app/api/test_contributions.py",
        "app/api/test_ingest.py",
        "app/api/test_snapshots.py",
        "app/cli/test_migrate.py",
        "app/cli/test_status.py",
        "app/curation/test_rules.py",
        "app/curation/test_suppressions.py",
        "app/ingest/test_committer.py",
        "app/ingest/test_election.py",
        "app/ingest/test_expiry.py",
        "app/ingest/test_journal.py",
        "app/query/sql/test_queries.py",
        "app/query/test_contributions.py",
        "app/query/test_diff.py",
        "app/query/test_history.py",
        "app/query/test_reference.py",
        "app/releases/test_build.py",
        "app/test_ledger.py",
        "app/test_locks.py",
        "app/test_routes.py",
        "faults/test_nodes.py",
        "functional/test_engines.py",
        "functional/test_ingest_and_read.py",
        "functional/test_lifecycle.py",
        "functional/test_mirror.py",
    }
)
"""The modules whose tests run on both, below `tests/`."""


def runs_on_both(test: pytest.Function) -> bool:
    """Tell whether a test runs on both backends.

    In a module that does, one that is about SQLite or local files is marked `embedded`.
    """
    is_in_list = test.path.relative_to(ROOT).as_posix() in ON_BOTH
    return is_in_list and test.get_closest_marker("embedded") is None


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
