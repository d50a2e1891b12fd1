"""`ban` and `unban`: refuse contributors, and hide what they sent."""

import click
from flask.cli import with_appcontext

from app.cli.actor import current_actor
from app.cli.erasing import wait_option, wait_until_erased
from app.cli.errors import shows_errors
from app.cli.text import in_one_line
from app.services import current_services
from catalog.wording import counted

_ids = click.argument("ids", nargs=-1, required=True, metavar="ID...")
_reason = click.option("--reason", help="Why; the log keeps it.")


@click.group()
def ban() -> None:
    """Ban contributors, and list who is banned."""


@ban.command()
@_ids
@_reason
@click.option("--takedown", is_flag=True, help="Erase what they sent as well.")
@wait_option
@with_appcontext
@shows_errors
def contributor(ids: tuple[str, ...], reason: str | None, *, takedown: bool, wait: bool) -> None:
    """Take nothing more from contributors, and hide what they sent; ID is a contributor_id.

    With --takedown, the service erases it if it runs, within minutes; otherwise this command does.
    """
    services = current_services()
    added = services.access.bans.ban(ids, actor=current_actor(), reason=reason, takedown=takedown)
    services.access.banned_contributions.update()
    for contributor_id in dict.fromkeys(ids):
        hidden = services.access.banned_contributions.count(contributor_id)
        number = counted(hidden, "contribution is", "contributions are")
        click.echo(f"{contributor_id}: {number} hidden", err=not hidden)
    before = f", {len(set(ids)) - added} before" if added < len(set(ids)) else ""
    click.echo(f"banned {added}{before}")
    if takedown:
        takedowns = services.moderation.service.take_down_contributors(ids, current_actor(), reason)
        click.echo("what they sent is being taken down")
        if wait and takedowns:
            wait_until_erased(services, takedowns)


@ban.command("list")
@with_appcontext
@shows_errors
def list_all() -> None:
    """List who is banned: contributor_id, since when, by whom and why."""
    for each in current_services().access.bans.all():
        since = each.banned_at.isoformat(timespec="seconds")
        parts = [each.contributor_id, since, each.banned_by, each.reason or ""]
        click.echo("\t".join(map(in_one_line, parts)))


@click.group()
def unban() -> None:
    """Lift bans."""


@unban.command("contributor")
@_ids
@_reason
@with_appcontext
@shows_errors
def unban_contributor(ids: tuple[str, ...], reason: str | None) -> None:
    """Lift the bans of contributors: what they sent is shown again.

    When one of them isn't banned, no ban is lifted.
    """
    services = current_services()
    services.access.bans.lift(ids, actor=current_actor(), reason=reason)
    services.access.banned_contributions.update()
    click.echo(f"unbanned {len(set(ids))}")
