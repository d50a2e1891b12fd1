"""Erasing what a command has had taken down, by the service or, if none runs, by the command."""

from collections.abc import Sequence
from contextlib import closing
from time import sleep
from typing import Final

import click

from app.access.takedowns.records import Takedown
from app.background.election import COMMITTER_LOCK
from app.cli.hub import bring_up_to_date
from app.services import Services

_POLL_S: Final = 0.5

wait_option = click.option(
    "--wait/--no-wait", default=True, help="Whether to return only once no file holds them."
)


def wait_until_erased(services: Services, takedowns: Sequence[Takedown]) -> None:
    """Wait until takedowns are erased, as `finish` does, and say so."""
    click.echo("erasing what they held from every file; this takes a minute or longer", err=True)
    finish(services, takedowns)
    click.echo("no file of the lake holds them any more")
    bring_up_to_date(services)


def finish(services: Services, takedowns: Sequence[Takedown]) -> None:
    """Wait until takedowns are erased: by the service, or by this process if none runs."""
    waited = {each.takedown_id for each in takedowns}
    lock = services.database.lock(COMMITTER_LOCK)
    with closing(lock):
        while waited & {each.takedown_id for each in services.access.takedowns.unfinished()}:
            if lock.try_acquire():
                # What is pending is committed first, as erasing expects of a committer.
                committer = services.jobs.committer()
                committer.reconcile()
                committer.drain()
                services.takedown.service.run()
            else:
                sleep(_POLL_S)
