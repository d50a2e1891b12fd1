"""How often lists in the database have changed, so that a process knows when to read one again.

Migrations make the row of each list.
"""

from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from app.state.models import ListVersion
from app.state.prepared import Prepared

_NUMBER: Final = select(ListVersion.number).where(ListVersion.name == bindparam("list_name"))
# Every reading asks for it.
_PREPARED_NUMBER: Final = Prepared(_NUMBER)


def list_version(connection: Connection, name: str, *, is_locked: bool = False) -> int:
    """Return how often a list has changed.

    Args:
        connection: A connection in a transaction.
        name: The name of the list.
        is_locked: Whether the list stays as it is until the transaction, which writes, has ended.
    """
    parameters = {"list_name": name}
    if is_locked:
        return connection.scalar(_NUMBER.with_for_update(), parameters) or 0
    found = _PREPARED_NUMBER.fetch(connection, parameters)
    return int(found[0][0]) if found else 0


def count_change(connection: Connection, name: str) -> None:
    """Count a change of a list, in the transaction that makes it.

    Args:
        connection: A connection in a transaction that writes.
        name: The name of the list.
    """
    counted = update(ListVersion).where(ListVersion.name == name)
    connection.execute(counted.values(number=ListVersion.number + 1))
