"""Gates: releases and maps that the operator opens to API keys of one role only."""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import Delete, delete, select

from app.access.refreshed import Refreshed
from app.access.roles import OPEN, Role, Roles
from app.state.db import Database, insert_missing
from app.state.models import GateRecord

Kind = Literal["release", "map"]


class Gates:
    """The gates of a lake, in the relational database.

    A gate belongs to a name, so that it may be there before what it closes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = Refreshed(self._read)

    def close(self, kind: Kind, name: str, role: Role) -> None:
        """Require a role of those who read a release or a map.

        Args:
            kind: Whether it is a release or a map.
            name: The name of it.
            role: The role.
        """
        values = {"kind": kind, "name": name, "role": role}
        with self._database.write() as connection:
            connection.execute(_removal(kind, name))
            connection.execute(insert_missing(connection, GateRecord), values)
        self._known.forget()

    def open(self, kind: Kind, name: str) -> bool:
        """Require no role any more; return whether one was required."""
        with self._database.write() as connection:
            was_closed = bool(connection.execute(_removal(kind, name)).rowcount)
        self._known.forget()
        return was_closed

    def needed(self, kind: Kind, name: str) -> Roles:
        """Return the role that a gate requires, as of at most `MAX_AGE_S` ago."""
        role = self._known.get().get((kind, name))
        return OPEN if role is None else frozenset({role})

    def _read(self) -> Mapping[tuple[Kind, str], Role]:
        with self._database.read() as connection:
            rows = connection.execute(select(GateRecord.kind, GateRecord.name, GateRecord.role))
            return {(row.kind, row.name): row.role for row in rows}


def _removal(kind: Kind, name: str) -> Delete:
    return delete(GateRecord).where(GateRecord.kind == kind, GateRecord.name == name)
