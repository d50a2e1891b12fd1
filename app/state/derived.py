"""A derived database that is lost: what is done about it, and how it is recognised.

Whatever is in a derived database can be computed again, so one that is damaged is removed by the
process that finds out, and made anew by the one that keeps it up.
"""

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError

from catalog.errors import Unavailable

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE: Final = 0xFF
"""The bits of a code of SQLite that tell the kind of an error; the others tell details."""


class DerivedLost(Unavailable):
    """A derived database is missing or damaged, and has to be made anew.

    Attributes:
        name: The name of its file.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is lost, and is made anew; try again later")
        self.name = name


def is_damage(error: Exception) -> bool:
    """Tell whether an error of SQLite says that the file is damaged."""
    code = getattr(_cause(error), "sqlite_errorcode", 0)
    return code & _PRIMARY_CODE in _DAMAGED


def is_loss(error: Exception) -> bool:
    """Tell whether an error says that the file, or a table in it, isn't there."""
    cause = _cause(error)
    is_emptied = isinstance(cause, sqlite3.OperationalError) and "no such table" in str(cause)
    return is_emptied or isinstance(cause, FileNotFoundError)


def _cause(error: Exception) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error
