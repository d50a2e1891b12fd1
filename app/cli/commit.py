"""`committer`: the process that takes the journal to the lake."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import click
from flask.cli import with_appcontext
from gunicorn.reloader import reloader_engines

from app.background.election import COMMITTER_LOCK, leadership
from app.background.release_process import ReleaseProcess
from app.cli.errors import shows_errors
from app.services import Services, current_services
from app.telemetry import logs, metrics

_PARENT_POLL_S = 0.5
_NICENESS = 12
_LEADERSHIP_LOST = 3
"""The exit code of a committer that was leading and no longer does."""

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--parent", type=int, help="Stop when the process with this id is no longer our parent."
)
@with_appcontext
@shows_errors
def committer(parent: int | None) -> None:
    """Commit acknowledged contributions to the lake until SIGTERM; one at a time per lake."""
    services = current_services()
    logs.configure(services.settings.log_level, services.settings.log_format)
    # Submissions come first where there are too few processors for both.
    os.nice(_NICENESS)
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Ctrl-C reaches the whole process group; the server's own shutdown ends the committer last.
    signal.signal(signal.SIGINT, signal.SIG_IGN if parent else lambda *_: stop.set())
    if parent:
        Thread(target=_stop_without, args=(parent, stop), daemon=True).start()
    if services.settings.dev:
        reloader_engines["auto"](callback=lambda _: stop.set()).start()
    lock = services.database.lock(COMMITTER_LOCK)
    with leadership(lock, stop, on_loss=_end_now) as leads:
        if leads:
            log.info("this process commits to the lake")
            with metrics.leading(), _besides(services, stop):
                services.committer().run(stop)


def _end_now() -> None:
    """End without another statement, as if killed, which the claim protocol is made for.

    Another process may lead already. The supervisor starts this one anew, to stand for election.
    """
    os._exit(_LEADERSHIP_LOST)


@contextmanager
def _besides(services: Services, stop: Event) -> Iterator[None]:
    """Maintain journal, lake and releases in threads of their own: commits don't wait for them."""
    scheduler = services.scheduler(ReleaseProcess(stop))
    threads = [
        Thread(target=services.maintenance().run, args=(stop,), name="maintenance"),
        Thread(target=services.expiry().run, args=(stop,), name="expiry"),
        Thread(target=scheduler.run, args=(stop,), name="schedule"),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        # Also when committing failed: they would keep the process alive without a committer.
        stop.set()
        for thread in threads:
            thread.join()


def _stop_without(parent: int, stop: Event) -> None:
    while os.getppid() == parent and not stop.wait(_PARENT_POLL_S):
        pass
    stop.set()
