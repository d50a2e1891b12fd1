"""What moderation keeps of contributions, and removes once they are taken down."""

from collections.abc import Sequence

import pyarrow as pa
from sqlalchemy import Connection

from app.access.moderation.banned_contributions import BannedContributions
from app.access.moderation.quarantine import Quarantine
from app.access.moderation.reports import Reports
from app.access.visibility.hidden import HiddenContributions
from app.state.db import Database
from app.state.parts import in_parts


class ModerationTraces:
    """Everything that moderation keeps of contributions, except for its log."""

    def __init__(
        self,
        database: Database,
        hidden: HiddenContributions,
        reports: Reports,
        quarantine: Quarantine,
        banned_contributions: BannedContributions,
    ) -> None:
        self._database = database
        self._hidden = hidden
        self._reports = reports
        self._quarantine = quarantine
        self._banned_contributions = banned_contributions

    def erase(self, ids: pa.Array) -> None:
        """Remove what is kept of contributions that are taken down.

        Args:
            ids: The contribution_ids.
        """
        # Submissions wait for each transaction.
        for some in in_parts(ids.to_pylist()):
            with self._database.write() as connection:
                self.forget(connection, some)

    def forget(self, connection: Connection, ids: Sequence[str]) -> None:
        """Remove what is kept of contributions, in a transaction.

        Args:
            connection: A transaction that writes.
            ids: The contribution_ids.
        """
        self._quarantine.forget(connection, ids)
        self._reports.remove(connection, ids)
        self._banned_contributions.forget(connection, ids)
        self._hidden.forget_shown(connection, ids)
