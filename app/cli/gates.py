"""What the commands share that gate releases and maps."""

from typing import Final

import click

from app.access.roles import ROLES

ROLE_OPTION: Final = click.option(
    "--role",
    type=click.Choice(ROLES),
    default="read",
    show_default=True,
    help="The role of the API keys that open it.",
)
