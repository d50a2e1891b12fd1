"""Errors on the command line: a message of one line, and exit code 1."""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import click
from pyiceberg.exceptions import NoSuchNamespaceError
from sqlalchemy.exc import DBAPIError

from catalog.errors import LakeError

EXPECTED: Final = (LakeError, OSError, DBAPIError, UnicodeEncodeError, NoSuchNamespaceError)
"""Errors that commands report in one line; any other error has a traceback."""

P = ParamSpec("P")
R = TypeVar("R")


def shows_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Decorate a command so that it reports `EXPECTED` errors in one line and exits with code 1."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except EXPECTED as error:
            raise click.ClickException(reason_for(error)) from error

    return wrapper


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
