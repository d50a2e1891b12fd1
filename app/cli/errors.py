"""Errors on the command line: a message of one line, and exit code 1."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from app.failures import EXPECTED, reason_for

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
