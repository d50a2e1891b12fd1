"""From which networks contributors send: enough to see that many are one, and not to find anybody.

A network is stored as a keyed hash, in the database and nowhere in the lake's files. Its key is a
random secret of the day, which is removed soon after. From then on nobody can tell which network it
was, nor whether it came back on another day.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from typing import Final, NamedTuple

import pyarrow as pa
from sqlalchemy import Connection, delete, select, update

from app.state.db import Database, insert_missing
from app.state.models import ContributorNetwork, Secret

_SECRET: Final = "network "  # noqa: S105  # a name
"""Beginning of the names of the secrets of days."""
_SECRET_BYTES: Final = 32
GRACE: Final = timedelta(hours=1)
"""Time after the end of a day at which its secret is removed: what came before midnight may be
stored after it."""
_HASH_BYTES: Final = 8
_REMEMBERED: Final = 100_000

_Noted = tuple[date, str]
"""A day (UTC) and the contributor_id of somebody who sent on it."""


class Written(NamedTuple):
    """What a transaction writes.

    Attributes:
        noted: Who sent on which day.
        secrets: The secrets of these days.
    """

    noted: Collection[_Noted] = ()
    secrets: Mapping[date, bytes] = {}


_NOTHING: Final = Written()


class Networks:
    """Notes the network that a contributor sends from first on each day."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: set[_Noted] = set()
        self._pending: dict[_Noted, str] = {}
        self._secrets: Mapping[date, bytes] = {}

    def note(self, network: str | None, contributor_id: str | None, received_at: datetime) -> None:
        """Note where a contribution comes from, in memory until `write` or `flush`.

        Anonymous contributions aren't noted, since that could name who sent them. Neither is what
        the machine itself sends, since that may be a proxy for everybody.

        Args:
            network: The name of the network; None if it doesn't count, as of who has an API key.
            contributor_id: The contributor.
            received_at: When the contribution was received, in UTC.
        """
        if not network or contributor_id is None:
            return
        noted = received_at.date(), contributor_id
        if noted not in self._known and noted not in self._pending and not _is_own(network):
            self._pending[noted] = network

    def write(self, connection: Connection) -> Written:
        """Write what was noted in a transaction of the caller, who calls `settle` after it."""
        if not self._pending:
            return _NOTHING
        # In one order everywhere: PostgreSQL's writers would deadlock on each other's rows.
        pending = sorted(list(self._pending.items()))  # noqa: C414  # other threads add to it
        days = {day for (day, _), _ in pending}
        known = {day: self._secrets.get(day) or _secret_of(connection, day) for day in sorted(days)}
        rows = [
            {"day": day, "contributor_id": contributor_id, "network": _digest(known[day], network)}
            for (day, contributor_id), network in pending
        ]
        connection.execute(insert_missing(connection, ContributorNetwork), rows)
        return Written([noted for noted, _ in pending], known)

    def settle(self, written: Written) -> None:
        """Forget that something is to be written, once the transaction that wrote it is over."""
        if not written.noted:
            return
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        self._secrets = written.secrets
        self._known.update(written.noted)
        for noted in written.noted:
            self._pending.pop(noted, None)

    def flush(self) -> None:
        """Write all that was noted, and return once it is durable.

        Raises:
            SQLAlchemyError: It could not be written.
        """
        if self._pending:
            with self._database.write() as connection:
                written = self.write(connection)
            self.settle(written)

    def read(self) -> pa.Table:
        """Return from which network each contributor sent first on each day.

        Returns:
            A table with the columns `day`, `contributor_id` and `network`, the hash in hexadecimal.
        """
        columns = (
            ContributorNetwork.day,
            ContributorNetwork.contributor_id,
            ContributorNetwork.network,
        )
        with self._database.read() as connection:
            rows = connection.execute(select(*columns)).all()
        days, contributors, networks = zip(*rows, strict=True) if rows else ((), (), ())
        return pa.table(
            {
                "day": pa.array(days, pa.date32()),
                "contributor_id": pa.array(contributors, pa.large_string()),
                "network": pa.array(networks, pa.large_string()),
            }
        )


def forget(connection: Connection, contributor_ids: Sequence[str]) -> None:
    """Remove all that is kept of where contributors sent from, as of those that are taken down.

    Args:
        connection: A transaction that writes.
        contributor_ids: The contributors, some hundred at most.
    """
    of_theirs = ContributorNetwork.contributor_id.in_(contributor_ids)
    connection.execute(delete(ContributorNetwork).where(of_theirs))


def remove_secrets(connection: Connection, now: datetime) -> int:
    """Remove the secrets of days that ended `GRACE` ago or earlier, and return how many.

    Args:
        connection: A transaction that writes.
        now: The time, in UTC.
    """
    oldest_kept = _name_of((now - GRACE).date())
    is_past = Secret.name.startswith(_SECRET) & (Secret.name < oldest_kept)
    # Overwritten first: a database leaves what it deletes in its pages for a while.
    connection.execute(update(Secret).where(is_past).values(value=bytes(_SECRET_BYTES)))
    return connection.execute(delete(Secret).where(is_past)).rowcount


def _digest(secret: bytes, network: str) -> str:
    return hmac.new(secret, network.encode(), hashlib.sha256).digest()[:_HASH_BYTES].hex()


def _secret_of(connection: Connection, day: date) -> bytes:
    """Return the secret of a day, which the first who asks makes."""
    name = _name_of(day)
    made = {
        "name": name,
        "value": secrets.token_bytes(_SECRET_BYTES),
        "made_at": datetime.now(UTC),
    }
    connection.execute(insert_missing(connection, Secret), made)
    value: bytes = connection.scalars(select(Secret.value).where(Secret.name == name)).one()
    return value


def _name_of(day: date) -> str:
    """Return the name of a day's secret; names sort in the order of days."""
    return f"{_SECRET}{day.isoformat()}"


def _is_own(network: str) -> bool:
    try:
        address = ip_address(network)
    except ValueError:
        return False
    # The network of ::1 begins with the address that means none.
    return address.is_loopback or address.is_unspecified
