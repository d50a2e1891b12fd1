"""The times at which API keys were last used."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, update
from sqlalchemy.exc import SQLAlchemyError

from app.state.db import Database
from app.state.models import ApiKeyRecord

_INTERVAL: Final = timedelta(minutes=1)
"""Time between two records of the use of one key."""

log = logging.getLogger(__name__)


class Uses:
    """Records uses in a thread of its own, so that no request waits for it or fails by it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[str, datetime] = {}
        # Its thread starts with the first use, which is after the fork of the process.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="key-uses")

    def note(self, key_id: str, recorded_at: datetime | None, now: datetime) -> None:
        """Record that a key was used, unless that was done within the last minute.

        Args:
            key_id: The id of the key.
            recorded_at: The last use that the database was seen to have; None for no use.
            now: The time of the use.
        """
        known = [at for at in (recorded_at, self._noted.get(key_id)) if at is not None]
        if known and now - max(known) < _INTERVAL:
            return
        self._noted[key_id] = now
        # No thread can be started when the process ends, or has too many.
        with suppress(RuntimeError):
            self._thread.submit(self._record, key_id, now)

    def close(self) -> None:
        """Wait until what was noted is recorded."""
        self._thread.shutdown()

    def _record(self, key_id: str, now: datetime) -> None:
        used_at = ApiKeyRecord.used_at
        # Other processes record the uses that they see.
        is_due = or_(used_at.is_(None), used_at <= now - _INTERVAL)
        statement = update(ApiKeyRecord).where(ApiKeyRecord.key_id == key_id, is_due)
        try:
            with self._database.write() as connection:
                connection.execute(statement.values(used_at=now))
        except (SQLAlchemyError, OSError) as error:
            log.warning("the use of a key wasn't recorded: %s", type(error).__name__)
