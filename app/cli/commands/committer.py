"""`committer`: the process that commits the journal to the lake."""

import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Protocol

import click
from flask.cli import with_appcontext
from gunicorn.reloader import reloader_engines

from app.background.election import COMMITTER_LOCK, leadership
from app.background.release_process import ReleaseProcess
from app.background.startup import exempt_from_collection
from app.cli.errors import shows_errors
from app.services import Services, current_services
from app.telemetry import logs, metrics, traces

_PARENT_POLL_S = 0.5
_LEADERSHIP_LOST = 3
"""The exit code of a committer that has lost its leadership."""

log = logging.getLogger(__name__)


class Job(Protocol):
    """Work that is done again and again, beside commits."""

    def run(self, stop: Event) -> None:
        """Work until told to stop."""


@click.command()
@click.option(
    "--parent",
    type=int,
    help="Stop when the process with this id is no longer the parent.",
)
@with_appcontext
@shows_errors
def committer(parent: int | None) -> None:
    """Commit acknowledged contributions to the lake until SIGTERM; one at a time per lake."""
    services = current_services()
    logs.configure(services.settings.log_level, services.settings.log_format)
    traces.start("committer")
    exempt_from_collection()
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Ctrl-C reaches the whole process group; the server's own shutdown ends the committer last.
    signal.signal(signal.SIGINT, signal.SIG_IGN if parent else lambda *_: stop.set())
    if parent:
        Thread(target=_stop_when_orphaned, args=(parent, stop), daemon=True).start()
    if services.settings.dev:
        reloader_engines["auto"](callback=lambda _: stop.set()).start()
    lock = services.database.lock(COMMITTER_LOCK)
    with (
        _running(_jobs_of_each_node(services), stop),
        leadership(lock, stop, on_loss=_exit_at_once) as leads,
    ):
        if leads:
            log.info("this process commits to the lake")
            with metrics.leading(), _running(_jobs(services, stop), stop):
                services.jobs.committer().run(stop)
    traces.stop()


def _exit_at_once() -> None:
    """End the process as if it were killed, which the claim protocol allows at any moment.

    Another process may lead already, so nothing else may be written. The supervisor starts a new
    process, which stands for election again.
    """
    os._exit(_LEADERSHIP_LOST)


def _jobs_of_each_node(services: Services) -> Mapping[str, Job | None]:
    """Return what this process does whether it commits or not, by name."""
    return {"limits": services.jobs.bucket_exchange(), "text index": services.jobs.text_index_job()}


def _jobs(services: Services, stop: Event) -> Mapping[str, Job | None]:
    """Return what the process that commits does beside commits, by name."""
    return {
        "checkpoints": services.jobs.checkpoints(),
        "maintenance": services.jobs.maintenance(),
        "bans": services.jobs.ban_job(),
        "expiry": services.jobs.expiry(),
        "summaries": services.reading.summary_job(),
        "schedule": services.jobs.scheduler(ReleaseProcess(stop)),
        "takedowns": services.jobs.takedown_job(),
        "hub": services.jobs.hub_job(),
    }


@contextmanager
def _running(jobs: Mapping[str, Job | None], stop: Event) -> Iterator[None]:
    """Run jobs in threads beside the block."""
    threads = [Thread(target=job.run, args=(stop,), name=name) for name, job in jobs.items() if job]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        # After a failure too, or the threads would keep a process alive that commits nothing.
        stop.set()
        for thread in threads:
            thread.join()


def _stop_when_orphaned(parent: int, stop: Event) -> None:
    """Set `stop` when the process with the id `parent` is no longer the parent of this one."""
    while os.getppid() == parent and not stop.wait(_PARENT_POLL_S):
        pass
    stop.set()
