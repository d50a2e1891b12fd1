"""Releases and maps that nobody gets until they are made without what was taken down.

A result is held back for each contribution that is to leave it, so that several takedowns may come
to the same result: it is given out again once the last of them has changed it.
"""

from collections.abc import Collection

import pyarrow as pa
from sqlalchemy import delete, select

from app.access.errors import HeldBack
from app.access.permissions.gates import Kind
from app.state.db import Database, insert_missing
from app.state.models import HeldBackFor
from app.state.parts import in_parts
from catalog.reading.membership import NO_IDS, is_among


class HeldBackResults:
    """The list of what is held back, in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: Kind, name: str, ids: pa.Array) -> None:
        """Hold a result back until contributions are taken out of it.

        Args:
            kind: Whether it is a release or a map.
            name: The name of the release or map.
            ids: The contribution_ids.
        """
        rows = [{"kind": kind, "name": name, "contribution_id": each} for each in ids.to_pylist()]
        if rows:
            with self._database.write() as connection:
                connection.execute(insert_missing(connection, HeldBackFor), rows)

    def end(self, kind: Kind, name: str, ids: Collection[str]) -> None:
        """Record that contributions are out of a result; it may still be held back for others.

        Args:
            kind: The kind of result.
            name: The name of the result.
            ids: The contribution_ids.
        """
        with self._database.write() as connection:
            for some in in_parts(sorted(ids)):
                connection.execute(
                    delete(HeldBackFor).where(
                        HeldBackFor.kind == kind,
                        HeldBackFor.name == name,
                        HeldBackFor.contribution_id.in_(some),
                    )
                )

    def check(self, kind: Kind, name: str) -> None:
        """Check that a result isn't held back.

        Raises:
            HeldBack: It is.
        """
        query = (
            select(HeldBackFor.name)
            .where(HeldBackFor.kind == kind, HeldBackFor.name == name)
            .limit(1)
        )
        with self._database.read() as connection:
            if connection.scalar(query) is not None:
                raise HeldBack(kind, name)

    def names(self, kind: Kind) -> frozenset[str]:
        """Return the names of all results of a kind that are held back."""
        query = select(HeldBackFor.name).where(HeldBackFor.kind == kind).distinct()
        with self._database.read() as connection:
            return frozenset(connection.scalars(query))

    def held_for(self, kind: Kind, ids: pa.Array) -> dict[str, list[str]]:
        """Return for each result of a kind those of some contributions that it is held back for.

        Args:
            kind: The kind.
            ids: The contribution_ids, ascending.

        Returns:
            Lists of contribution_ids by the names of results, without empty ones.
        """
        query = (
            select(HeldBackFor.name, HeldBackFor.contribution_id)
            .where(HeldBackFor.kind == kind)
            .order_by(HeldBackFor.name)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        held = pa.array([row.contribution_id for row in rows], NO_IDS.type)
        found: dict[str, list[str]] = {}
        for row, is_wanted in zip(rows, is_among(held, ids).to_pylist(), strict=True):
            if is_wanted:
                found.setdefault(row.name, []).append(row.contribution_id)
        return found
