"""`key`: make, list and revoke API keys."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click
from flask.cli import with_appcontext

from app.access.roles import ROLES, Role
from app.cli.errors import shows_errors
from app.services import current_services

_DURATION: Final = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class _Expiry(click.ParamType[datetime]):
    """A time to come: a date or a time in UTC, or a duration from now.

    Attributes:
        name: Name of the type in click's messages.
    """

    name = "date|duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the time from its text."""
        text, now = str(value), datetime.now(UTC)
        try:
            moment = _after(now, text) or _in_utc(datetime.fromisoformat(text))
        except ValueError:
            self.fail(f"{text!r} is neither a date nor a duration", param, ctx)
        if moment <= now:
            self.fail(f"{text} is over", param, ctx)
        return moment


def _after(now: datetime, text: str) -> datetime | None:
    """Return the time at which a duration is over; None for a text that isn't a duration."""
    duration = _DURATION.fullmatch(text)
    return now + int(duration[1]) * _UNITS[duration[2]] if duration else None


def _in_utc(given: datetime) -> datetime:
    """Return a time in UTC, which one without a zone is already.

    Raises:
        ValueError: It lies beyond the calendar in UTC.
    """
    try:
        return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError from error


@click.group()
def key() -> None:
    """Make, list and revoke API keys."""


@key.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    required=True,
    help="What the key is for. The role operate includes the others; no other role does.",
)
@click.option(
    "--expires",
    type=_Expiry(),
    help="When it ends: 2027-01-31, 2027-01-31T12:00 (both in UTC), or a duration from now such as "
    "12h, 90d or 8w. It doesn't by default.",
)
@with_appcontext
@shows_errors
def create(name: str, role: Role, expires: datetime | None) -> None:
    """Make a key by the name NAME, and print it. It is never shown again."""
    made = current_services().keys.create(name, role, expires)
    click.echo("keep this key now; the lake has only its hash:", err=True)
    click.echo(made)


@key.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List the keys: id, name, role, state, when made, when it expires, when last used."""
    now = datetime.now(UTC)
    for known in current_services().keys.all():
        times = (known.made_at, known.expires_at, known.used_at)
        shown = (at.isoformat(timespec="seconds") if at else "-" for at in times)
        click.echo("\t".join([known.key_id, known.name, known.role, known.state(now), *shown]))


@key.command()
@click.argument("name", metavar="NAME|ID")
@with_appcontext
@shows_errors
def revoke(name: str) -> None:
    """Revoke a key for good. Within seconds, no process accepts it any more."""
    click.echo(f"{current_services().keys.revoke(name)} is revoked")
