"""Errors as the command line shows them: one line, and exit code 1."""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import click
from sqlalchemy.exc import DBAPIError

from catalog.errors import LakeError

EXPECTED: Final = (LakeError, OSError, DBAPIError)
"""What commands show in one line."""

P = ParamSpec("P")
R = TypeVar("R")


def shows_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Have a command end with a message where a service, the disk or the database fails."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except EXPECTED as error:
            raise click.ClickException(reason_for(error)) from error

    return wrapper


def reason_for(error: Exception) -> str:
    """Return in one line why something failed."""
    if isinstance(error, DBAPIError):
        # What SQLAlchemy adds are the statement and its parameters, over many lines.
        return f"{' '.join(str(error.orig).split())}; were the migrations run?"
    return str(error)
