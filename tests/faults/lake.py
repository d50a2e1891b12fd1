"""A lake without a server whose journal holds a batch, and checks that the batch lands once."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app import create_app
from app.services import Services, current_services
from app.settings import Settings
from tests.factories import make_contribution
from tests.functional.server import ROOT, Server, clean_environment, open_table

BATCH_ROWS: Final = 20
TIMEOUT_S: Final = 120.0


def run_committer(*arguments: str, wrapper: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run `interrupted_committer`.

    Args:
        arguments: The arguments of the command.
        wrapper: Command prefix of a program to run it under, such as strace.
    """
    return subprocess.run(
        [*wrapper, sys.executable, "-m", "tests.faults.interrupted_committer", *arguments],
        cwd=ROOT,
        # Otherwise Python would write compiled modules in some runs, which count as writes.
        env={**clean_environment({}), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@contextmanager
def opened(home: Path, **places: object) -> Iterator[Services]:
    """Yield the services of a migrated lake, and close all of its files afterwards."""
    with create_app(Settings.at(home, **places)).app_context():
        services = current_services()
    try:
        yield services
    finally:
        services.close()


def commit_pending(home: Path, **places: object) -> None:
    """Finish an open claim of another committer, and commit what is pending."""
    with opened(home, **places) as services:
        committer = services.jobs.committer()
        committer.reconcile()
        committer.drain()


@dataclass
class Lake:
    """A migrated lake whose journal holds a pending batch.

    Attributes:
        home: Home folder of the lake.
        contribution_ids: Ids of the contributions of the batch.
    """

    home: Path
    contribution_ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        Server(self.home).migrate()
        with opened(self.home) as services:
            for number in range(BATCH_ROWS):
                contribution = make_contribution(f"{number} " * 100)
                services.ingest.journal.append(contribution)
                self.contribution_ids.append(contribution.contribution_id)

    def rows(self) -> list[str]:
        """Return the contribution_ids of all rows of the table, sorted, with repetitions.

        Every file of the table is read whole.
        """
        table = open_table(self.home).scan().to_arrow()
        return sorted(table.column("contribution_id").to_pylist())

    def recover(self) -> None:
        """Let a normal committer take over."""
        commit_pending(self.home)

    def check_settled(self) -> None:
        """Check that the batch is in the table once, and that nothing is left over."""
        assert self.rows() == sorted(self.contribution_ids)
        with opened(self.home) as services:
            assert services.ingest.claims.open_claim() is None
            assert services.ingest.journal.backlog().entries == 0
        assert self._ledger() == self._live_batches()
        # The next attempt overwrites the data files of a failed one.
        data_files = {file for file in self.table_files() if file.suffix == ".parquet"}
        assert data_files == self._referenced_data_files()

    def table_files(self) -> set[Path]:
        """Return the files of the table, except temporary ones."""
        folder = Path(urlsplit(open_table(self.home).location()).path)
        files = (path for path in folder.rglob("*") if path.is_file())
        return {file for file in files if not file.name.startswith(".")}

    def _ledger(self) -> list[tuple[int, str]]:
        with closing(sqlite3.connect(self.home / "chatlake.db")) as connection:
            return connection.execute("SELECT snapshot_id, batch_id FROM ledger").fetchall()

    def _live_batches(self) -> list[tuple[int, str]]:
        return [
            (snapshot.snapshot_id, snapshot.summary["chatlake.batch-id"] or "")
            for snapshot in open_table(self.home).metadata.snapshots
            if snapshot.summary
        ]

    def _referenced_data_files(self) -> set[Path]:
        tasks = open_table(self.home).scan().plan_files()
        return {Path(urlsplit(task.file.file_path).path) for task in tasks}
