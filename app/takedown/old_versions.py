"""Erasing from a bucket that keeps old versions of objects."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import pyarrow as pa

from app.settings import Settings
from catalog.connection import LockingCatalog
from catalog.schema import TABLE_IDENTIFIER
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table

_SCHEMES: Final = ("s3", "s3a", "s3n")


class OldVersions:
    """Removes what the tables' objects were before they were replaced or removed."""

    def __init__(self, settings: Settings, catalog: Callable[[], LockingCatalog]) -> None:
        """Prepare without connecting to anything.

        Args:
            settings: Have the credentials and the endpoint of the bucket.
            catalog: Returns the catalog of the tables.
        """
        self._settings = settings
        self._catalog = catalog

    def erase(self, _ids: pa.Array) -> None:
        """Remove every version of the tables' objects but the present one.

        The lake never reads another one. In a folder, there are none.

        Raises:
            BotoCoreError: The bucket can't be reached.
            ClientError: The bucket refuses.
        """
        if urlsplit(self._settings.warehouse).scheme not in _SCHEMES:
            return
        # boto3 takes long to import, and a lake in a folder never needs it.
        from app.state.s3 import remove_versions, s3_client  # noqa: PLC0415

        client = s3_client(self._settings, self._settings.s3_endpoint)
        stages = COMPUTED_STAGES.values()
        names = [
            TABLE_IDENTIFIER,
            *(name for stage in stages for name in (stage.rows, stage.dropped)),
        ]
        for name in names:
            place = urlsplit(load_table(self._catalog(), name).location())
            prefix = f"{place.path.strip('/')}/"
            remove_versions(client, place.netloc, prefix, lambda version: version.is_current)
