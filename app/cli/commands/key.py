"""`key`: make, list, limit and revoke API keys."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import click
from flask.cli import with_appcontext

from app.access.limits.key_limits import check_key_limits
from app.access.roles import ROLES, Role
from app.cli.errors import shows_errors
from app.services import current_services

_DURATION: Final = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_DEFAULT: Final = "default"
_LIMIT: Final = re.compile(rf"([a-z_]+)=(\d{{1,20}}|{_DEFAULT})", re.ASCII)
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


class _KeyLimit(click.ParamType[tuple[str, int | None]]):
    """A limit and its value for one key.

    Attributes:
        name: Name of the type in click's messages.
    """

    name = "limit=number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int | None]:
        """Read the limit from its text."""
        match = _LIMIT.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} isn't a limit such as rows_per_day=1000000", param, ctx)
        name, number = match.groups()
        return name, None if number == _DEFAULT else int(number)


def _checked(limits: Iterable[tuple[str, int | None]]) -> dict[str, int | None]:
    """Return limits by name.

    Raises:
        KeyLimitInvalid: A name is unknown, or a value isn't allowed.
    """
    by_name = dict(limits)
    check_key_limits(by_name, current_services().settings.max_body_bytes)
    return by_name


def _shown(limits: Mapping[str, int]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(limits.items())) or "-"


@click.group()
def key() -> None:
    """Make, list, limit and revoke API keys."""


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
@click.option(
    "--limit",
    "limits",
    type=_KeyLimit(),
    multiple=True,
    help="A limit of its own, such as rows_per_day=1000000, in place of CHATLAKE_KEY_ROWS_PER_DAY; "
    "0 is no limit. Can be given several times.",
)
@with_appcontext
@shows_errors
def create(
    name: str, role: Role, expires: datetime | None, limits: tuple[tuple[str, int | None], ...]
) -> None:
    """Make a key by the name NAME, and print it. It is never shown again."""
    own = {limit: value for limit, value in _checked(limits).items() if value is not None}
    made = current_services().access.keys.create(name, role, expires, own)
    click.echo("keep this key now; the lake has only its hash:", err=True)
    click.echo(made)


@key.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List the keys: id, name, role, state, when made, when it expires, when last used."""
    now = datetime.now(UTC)
    for known in current_services().access.keys.all():
        times = (known.made_at, known.expires_at, known.used_at)
        shown = (at.isoformat(timespec="seconds") if at else "-" for at in times)
        click.echo("\t".join([known.key_id, known.name, known.role, known.state(now), *shown]))


@key.command()
@click.argument("name", metavar="NAME|ID")
@click.argument("limits", type=_KeyLimit(), nargs=-1, metavar="[LIMIT=NUMBER|default]...")
@with_appcontext
@shows_errors
def limit(name: str, limits: tuple[tuple[str, int | None], ...]) -> None:
    """Give a key limits of its own, and print those that it has; 0 is no limit.

    The value default gives it the limit of all keys again. Without a limit, nothing is changed.
    """
    keys, changed = current_services().access.keys, _checked(limits)
    known = keys.limit(name, changed) if changed else keys.find(name)
    click.echo(f"{known.name}\t{_shown(known.limits)}")


@key.command()
@click.argument("name", metavar="NAME|ID")
@with_appcontext
@shows_errors
def revoke(name: str) -> None:
    """Revoke a key for good. Within seconds, no process accepts it any more."""
    click.echo(f"{current_services().access.keys.revoke(name)} is revoked")
