"""The server: gunicorn's workers, and beside them one committer that is kept running."""

import ctypes
import fcntl
import gc
import os
import shutil
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger

_METRICS_FOLDERS = Path("/dev/shm")  # noqa: S108  # a mapped file on a full disk would kill us
_METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def _metrics_folder() -> str:
    """Return the folder in which the processes of this server count; an earlier load's, if any.

    A folder is locked for as long as a process of its server lives. Those that nobody holds were
    left behind by servers that were killed, and are removed.
    """
    prefix = f"chatlake-metrics-{os.getuid()}-"
    ours = f"{prefix}{os.getpid()}-"
    known = os.environ.get(_METRICS_VARIABLE, "")
    if Path(known).name.startswith(ours):
        return known
    guard = os.open(_METRICS_FOLDERS, os.O_RDONLY)
    # A new folder must not be taken for one that was left, before it is locked.
    fcntl.flock(guard, fcntl.LOCK_EX)
    try:
        for left in _METRICS_FOLDERS.glob(f"{prefix}*"):
            _remove_unless_held(left)
        folder = mkdtemp(prefix=ours, dir=_METRICS_FOLDERS)
        # Never closed: workers inherit it, and it outlives this module when the server reloads.
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    finally:
        os.close(guard)
    return folder


def _remove_unless_held(folder: Path) -> None:
    with suppress(FileNotFoundError, BlockingIOError):  # its server has just removed it, or lives
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(descriptor)


# prometheus_client reads it when it is first imported, which is below; the committer inherits it.
os.environ[_METRICS_VARIABLE] = _metrics_folder()

from prometheus_client.multiprocess import mark_process_dead  # noqa: E402

from app.background.startup import import_libraries  # noqa: E402
from app.background.supervisor import Supervisor  # noqa: E402
from app.background.umask import restrict_umask  # noqa: E402
from app.edge.worker import Worker  # noqa: E402
from app.settings import Settings  # noqa: E402
from app.telemetry import exposition, logs, metrics  # noqa: E402

_GC_THRESHOLDS = (10_000, 20, 50)
_M_MMAP_THRESHOLD = -3
"""Of malloc.h: see mallopt(3)."""
_MMAP_THRESHOLD_BYTES = 512 * 1024
"""Size from which memory goes back to the system when it is freed.

glibc raises it by itself, up to 32 MiB, and keeps what is freed below it: of bodies of 8 MiB, of
which it admits 32 MiB at once, a worker held 570 MiB, and holds 290 MiB so.
"""

_settings = Settings.from_environment(os.environ)


class _ServerLog(Logger):
    """gunicorn's log, in one form with ours."""

    def setup(self, cfg: Config) -> None:
        """Leave the form of its lines, and where they go, to us."""
        # Not by `logconfig_dict`: with it, gunicorn makes up an access line for every request.
        super().setup(cfg)
        logs.configure(_settings.log_level, _settings.log_format)


bind = f"[{_settings.host}]:{_settings.port}"
workers = _settings.workers
worker_class = "app.edge.worker.Worker"
threads = _settings.threads
graceful_timeout = _settings.shutdown_timeout_s
loglevel = _settings.log_level.lower()
logger_class = _ServerLog
reload = _settings.dev
# Else gunicorn makes it 0 for a moment while it starts a worker, for all threads of the process.
umask = restrict_umask()
# Workers that share a socket can end up with all connections at one of them.
reuse_port = True
# Heartbeats of the workers; on a disk, a slow sync would look like a dead worker.
worker_tmp_dir = "/dev/shm"  # noqa: S108  # gunicorn makes its own unnamed files there
# No preload of our own code: workers read it anew when the server reloads, and database connections
# and the catalog belong to the process that made them. The libraries are imported once for all.
import_libraries("duckdb", "flask_smorest")

# It would listen in the operator's home folder, which a container may not have.
control_socket_disable = True


# For the committer, which is a program of its own; the workers have what is set in this process.
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(_MMAP_THRESHOLD_BYTES))
with suppress(AttributeError):  # glibc alone has it
    ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


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
    _start_committer(server)


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Have reads and writes ended that a client keeps waiting.

    The kernel ends those that move nothing: the sockets that are accepted inherit its limits. See
    socket(7), SO_RCVTIMEO. The worker ends answers that are read too slowly.
    """
    worker.min_send_bytes_per_s = _settings.min_send_bytes_per_s
    worker.pace_period_s = _settings.idle_timeout_s
    worker.max_slow_answers = _settings.max_slow_answers
    idle = struct.pack("ll", _settings.idle_timeout_s, 0)
    for listener in worker.sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, idle)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, idle)


def post_worker_init(worker: Worker) -> None:
    """Begin to publish metrics, and keep the garbage collector from walking what was imported.

    A walk through the libraries' objects holds up every thread; a request leaves few cycles.
    """
    exposition.publish_regularly()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """Publish what is left, and give back what was kept from the collector.

    DuckDB reports it as leaked otherwise.
    """
    metrics.publish()
    gc.unfreeze()


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Forget what only a live process tells; what it has counted stays."""
    mark_process_dead(worker.pid)


def on_reload(server: Arbiter) -> None:
    """Have the committer read code and settings anew, as the workers do."""
    _stop_committer(server)
    _start_committer(server)


def on_exit(server: Arbiter) -> None:
    """Stop the committer when the workers have finished, so that it commits what they took last."""
    _stop_committer(server)
    shutil.rmtree(os.environ[_METRICS_VARIABLE], ignore_errors=True)


def _stop_committer(server: Arbiter) -> None:
    # Kept with the server: a reload runs this file anew, and would forget its own variables.
    committer: Supervisor = vars(server)["committer"]
    committer.stop(_settings.shutdown_timeout_s)


def _start_committer(server: Arbiter) -> None:
    command = [sys.executable, "-m", "flask", "--app", "app.cli.lake", "committer", "--parent"]
    committer = Supervisor([*command, str(os.getpid())], umask=umask, ended=mark_process_dead)
    vars(server)["committer"] = committer
    committer.start()
