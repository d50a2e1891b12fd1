"""Erasing where contributors who are taken down sent from."""

import pyarrow as pa

from app.access.contributors.networks import forget
from app.access.takedowns.register import Takedowns
from app.state.db import Database
from app.state.parts import in_parts


class NetworkErasure:
    """Removes the hashes of networks that are kept of contributors."""

    def __init__(self, database: Database, takedowns: Takedowns) -> None:
        self._database = database
        self._takedowns = takedowns

    def erase(self, _ids: pa.Array) -> None:
        """Remove those of all contributors whose takedown isn't finished."""
        unfinished = self._takedowns.unfinished()
        contributors = [each.identifier for each in unfinished if each.kind == "contributor"]
        for some in in_parts(contributors):
            with self._database.write() as connection:
                forget(connection, some)
