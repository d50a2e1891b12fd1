"""`takedown`: erase contributions, conversations and contributors from everything."""

from collections.abc import Sequence
from typing import Final

import click
from flask.cli import with_appcontext

from app.access.takedowns.records import TakedownKind
from app.cli.actor import current_actor
from app.cli.commands import takedown_copies
from app.cli.erasing import finish, wait_option, wait_until_erased
from app.cli.errors import shows_errors
from app.cli.hub import bring_up_to_date
from app.cli.text import in_one_line
from app.services import current_services
from catalog.wording import counted

_LISTED: Final = 100

_ids = click.argument("ids", nargs=-1, required=True, metavar="ID...")
_reason = click.option("--reason", help="Why; `takedown list` shows it, and nobody else is told.")


@click.group()
def takedown() -> None:
    """Erase contributions from everything: readers don't see them from the moment of the command.

    If the service runs, it erases them, within minutes; otherwise this command does.
    """


@takedown.command()
@_ids
@_reason
@wait_option
@with_appcontext
@shows_errors
def contribution(ids: tuple[str, ...], reason: str | None, *, wait: bool) -> None:
    """Erase contributions and the versions that they superseded; a later version stays.

    When the lake hasn't got one of them, none is erased.
    """
    _take_down("contribution", ids, reason, wait=wait)


@takedown.command()
@_ids
@_reason
@wait_option
@with_appcontext
@shows_errors
def conversation(ids: tuple[str, ...], reason: str | None, *, wait: bool) -> None:
    """Erase every version of conversations; ID is a conversation_id."""
    _take_down("conversation", ids, reason, wait=wait)


@takedown.command()
@_ids
@_reason
@wait_option
@with_appcontext
@shows_errors
def contributor(ids: tuple[str, ...], reason: str | None, *, wait: bool) -> None:
    """Erase all that contributors have sent so far; ID is a contributor_id."""
    _take_down("contributor", ids, reason, wait=wait)


@takedown.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=_LISTED, show_default=True)
@with_appcontext
@shows_errors
def list_all(limit: int) -> None:
    """List takedowns, newest first: id, kind, name, when and by whom, when erased, and why."""
    for each in current_services().access.takedowns.newest(limit):
        asked = each.requested_at.isoformat(timespec="seconds")
        erased = each.erased_at.isoformat(timespec="seconds") if each.erased_at else "being erased"
        parts = [str(each.takedown_id), each.kind, each.identifier, asked, each.requested_by]
        click.echo("\t".join(map(in_one_line, [*parts, erased, each.reason or ""])))


@takedown.command()
@with_appcontext
@shows_errors
def run() -> None:
    """Erase what was taken down and isn't erased yet, such as after a crash."""
    services = current_services()
    unfinished = services.access.takedowns.unfinished()
    finish(services, unfinished)
    click.echo(f"erased {counted(len(unfinished), 'takedown')}")
    bring_up_to_date(services)


def _take_down(kind: TakedownKind, ids: Sequence[str], reason: str | None, *, wait: bool) -> None:
    services = current_services()
    takedowns = services.moderation.service.take_down(kind, ids, current_actor(), reason)
    for each in takedowns:
        click.echo(f"takedown {each.takedown_id}: {each.kind} {each.identifier} is hidden")
    if wait:
        wait_until_erased(services, takedowns)


for _command in (takedown_copies.verify, takedown_copies.export, takedown_copies.apply):
    takedown.add_command(_command)
