"""Errors as the command line shows them: one line, and exit code 1."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from sqlalchemy.exc import DBAPIError

from catalog.errors import LakeError

P = ParamSpec("P")
R = TypeVar("R")


def shows_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Have a command end with a message where a service, the disk or the database fails."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (LakeError, OSError) as error:
            raise click.ClickException(str(error)) from error
        except DBAPIError as error:
            # What SQLAlchemy adds are the statement and its parameters, over many lines.
            reason = " ".join(str(error.orig).split())
            raise click.ClickException(f"{reason}; were the migrations run?") from error

    return wrapper
