"""Marking rows of answers: a column beside those of the table, made from the rows' ids."""

from collections.abc import Sequence
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from catalog.reading.membership import is_among
from catalog.schema import ID

HIDDEN: Final = "hidden"
"""The name of the column that marks rows which the public doesn't see."""

Rows = TypeVar("Rows", pa.RecordBatch, pa.Table)


class Marking:
    """Adds nothing to the columns that are asked for."""

    def needed(self, columns: Sequence[str]) -> Sequence[str]:
        """Return the columns to read where some columns are asked for."""
        return columns

    def add_to(self, rows: Rows, columns: Sequence[str]) -> Rows:
        """Return the columns of an answer.

        Args:
            rows: Rows with the needed columns.
            columns: The columns that are asked for.
        """
        return rows.select(list(columns))


UNMARKED: Final = Marking()


class HiddenMarking(Marking):
    """Adds the column `hidden`: true for rows that the public doesn't see, and else null."""

    def __init__(self, hidden: pa.Array) -> None:
        """Mark rows.

        Args:
            hidden: The contribution_ids of what the public doesn't see, ascending.
        """
        self._hidden = hidden

    def needed(self, columns: Sequence[str]) -> Sequence[str]:
        """Return the columns to read, with that of the ids."""
        return list(dict.fromkeys([*columns, ID]))

    def add_to(self, rows: Rows, columns: Sequence[str]) -> Rows:
        """Return the columns of an answer, and `hidden`."""
        is_hidden = is_among(rows.column(ID), self._hidden)
        marks = pc.if_else(is_hidden, True, pa.scalar(None, pa.bool_()))
        return super().add_to(rows, columns).append_column(HIDDEN, marks)
