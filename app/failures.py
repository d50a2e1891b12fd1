"""The errors that an operator is told of in one line, by commands and by pages."""

from typing import Final

from pyiceberg.exceptions import NoSuchNamespaceError
from sqlalchemy.exc import DBAPIError

from catalog.errors import LakeError

EXPECTED: Final = (LakeError, OSError, DBAPIError, UnicodeEncodeError, NoSuchNamespaceError)
"""Errors that have a reason to be told in one line; any other error has a traceback."""


def reason_for(error: Exception) -> str:
    """Return the reason of an error in one line."""
    if isinstance(error, DBAPIError):
        # SQLAlchemy adds the statement and its parameters, over many lines.
        return f"{' '.join(str(error.orig).split())}; were the migrations run?"
    if isinstance(error, NoSuchNamespaceError):
        return "the catalog has no tables; were the migrations run?"
    if isinstance(error, UnicodeEncodeError):
        # Bytes of an argument that are no UTF-8 are surrogates, which no database takes.
        return f"{error.object!a} isn't UTF-8"
    return str(error)
