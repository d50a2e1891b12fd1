"""`takedown verify`, `takedown export` and `takedown apply`: checks, and lists for restores."""

import sys
from collections.abc import Iterator
from typing import Final, TextIO
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen
from uuid import UUID

import click
import msgspec
from flask.cli import with_appcontext

from app.cli.actor import current_actor
from app.cli.errors import shows_errors
from app.services import current_services
from app.takedown.verify.verification import verify as search_lake

_URL_SCHEMES: Final = frozenset({"http", "https"})
_TIMEOUT_S: Final = 60.0


@click.command()
@click.argument("ids", nargs=-1, type=click.UUID, metavar="[ID]...")
@click.option(
    "--takedown", "takedown_id", type=click.IntRange(1), help="Look for all ids of a takedown."
)
@click.option(
    "--text", type=click.File(encoding="utf-8"), help="Look for the text in this file as well."
)
@with_appcontext
@shows_errors
def verify(ids: tuple[UUID, ...], takedown_id: int | None, text: TextIO | None) -> None:
    """Decode everything that the lake keeps, and look for contributions that were taken down.

    It opens every file in the lake's folders and buckets, old versions of objects too, and every
    table and page of its databases; it says what it opened, what it couldn't open, and what it
    found. The takedowns' own records, which keep ids, don't count. The exit code is 1 when
    something was found.
    """
    services = current_services()
    wanted = [*ids, *(services.access.takedown_feed.ids_of(takedown_id) if takedown_id else ())]
    if not wanted and text is None:
        raise click.UsageError("give an ID, --takedown or --text")
    report = search_lake(services.settings, wanted, text.read() if text else None)
    for line in report.lines():
        click.echo(line)
    sys.exit(bool(report.findings))


@click.command()
@with_appcontext
@shows_errors
def export() -> None:
    """Print the list of takedowns, to be kept outside of the lake and its backups.

    Each line has the ids and the content hash of a contribution, and the time. There are no texts,
    names or reasons in it.
    """
    for line in current_services().takedown.lists.lines():
        click.echo(line)


@click.command()
@click.argument("source", metavar="FILE|URL")
@with_appcontext
@shows_errors
def apply(source: str) -> None:
    """Take down again what a list names, after the lake was restored from a backup.

    The list is what `takedown export` printed, or `/v1/takedowns` of a lake: as a file of its
    answers, or as a URL, from which all pages are fetched. The running service erases what is taken
    down, or `takedown run`.
    """
    is_url = urlsplit(source).scheme in _URL_SCHEMES
    lists = current_services().takedown.lists
    with click.open_file("-" if is_url else source, encoding="utf-8") as file:
        lines = _pages(source) if is_url else file
        done = lists.apply(lines, current_actor())
    click.echo(
        f"taken down now: {done.taken_down}; taken down before: {done.known}; not in the lake, and "
        f"refused from now on: {done.recorded}"
    )
    if done.unrecorded:
        click.echo(
            f"not in the lake, and not refused, since the list has their ids only: "
            f"{done.unrecorded}",
            err=True,
        )


def _pages(url: str) -> Iterator[str]:
    """Yield the pages of a feed."""
    following = url
    while True:
        with urlopen(following, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # its scheme was checked
            page = answer.read().decode()
        yield page
        read = msgspec.json.decode(page)
        if not read["more"]:
            return
        following = f"{url.partition('?')[0]}?{urlencode({'cursor': read['next_cursor']})}"
