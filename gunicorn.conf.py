"""The server: gunicorn's workers, and beside them one committer that is kept running."""

import gc
import logging
import os
import socket
import struct
import sys

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from app.ingest.supervisor import Supervisor
from app.settings import Settings

_GC_THRESHOLDS = (10_000, 20, 50)

_settings = Settings.from_environment(os.environ)

bind = f"[{_settings.host}]:{_settings.port}"
workers = _settings.workers
worker_class = "gthread"
threads = _settings.threads
graceful_timeout = _settings.shutdown_timeout_s
loglevel = _settings.log_level.lower()
reload = _settings.dev
# Workers that share a socket can end up with all connections at one of them.
reuse_port = True
# Heartbeats of the workers; on a disk, a slow sync would look like a dead worker.
worker_tmp_dir = "/dev/shm"  # noqa: S108  # gunicorn makes its own unnamed files there
# No preload: database connections and the catalog belong to the process that made them.

# It would listen in the operator's home folder, which a container may not have.
control_socket_disable = True


def on_starting(server: Arbiter) -> None:
    """Refuse a port that another server has: sockets of our own kind could share it."""
    family = socket.AF_INET6 if ":" in _settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_settings.host, _settings.port))
        except OSError as error:
            raise SystemExit(f"chatlake: {bind}: {error.strerror}") from error


def when_ready(server: Arbiter) -> None:
    """Start the committer, beside the workers that come next."""
    # One form of line for gunicorn, the supervisor and, since they inherit it, the workers.
    service_log = logging.getLogger("app")
    service_log.setLevel(_settings.log_level)
    service_log.handlers = logging.getLogger("gunicorn.error").handlers
    _start_committer(server)


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Have the kernel end reads and writes that a client keeps waiting.

    The sockets that are accepted inherit it. Without it a client that stops reading its answer
    holds a thread for ever: see socket(7), SO_RCVTIMEO.
    """
    idle = struct.pack("ll", _settings.idle_timeout_s, 0)
    for listener in worker.sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, idle)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, idle)


def post_worker_init(worker: Worker) -> None:
    """Keep the garbage collector from walking all that was imported, again and again.

    A walk through the libraries' objects holds up every thread; a request leaves few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """Give back what was kept from the collector; DuckDB reports it as leaked otherwise."""
    gc.unfreeze()


def on_reload(server: Arbiter) -> None:
    """Have the committer read code and settings anew, as the workers do."""
    on_exit(server)
    _start_committer(server)


def on_exit(server: Arbiter) -> None:
    """Stop the committer when the workers have finished, so that it commits what they took last."""
    # Kept with the server: a reload runs this file anew, and would forget its own variables.
    committer: Supervisor = vars(server)["committer"]
    committer.stop(_settings.shutdown_timeout_s)


def _start_committer(server: Arbiter) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "committer", "--parent"]
    committer = Supervisor([*command, str(os.getpid())])
    vars(server)["committer"] = committer
    committer.start()
