"""gunicorn's configuration: its workers, and beside them one committer that is kept running."""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from tempfile import mkdtemp

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until the arbiter listens to signals, an interrupt ends it at once. Python's own handler
    # raises KeyboardInterrupt, which is lost in a callback of the garbage collector, for example.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

_METRICS_FOLDERS = Path("/dev/shm")  # noqa: S108  # a mapped file on a full disk would kill the process
_METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def _metrics_folder() -> str:
    """Return the folder in which the processes of this server keep their metrics.

    It is made when this file is first loaded; a reload returns the same folder. A folder stays
    locked for as long as a process of its server lives. Folders without a lock were left behind by
    killed servers, and are removed.
    """
    prefix = f"chatlake-metrics-{os.getuid()}-"
    own_prefix = f"{prefix}{os.getpid()}-"
    known = os.environ.get(_METRICS_VARIABLE, "")
    if Path(known).name.startswith(own_prefix):
        return known
    guard = os.open(_METRICS_FOLDERS, os.O_RDONLY)
    # Another server must not remove the new folder before it is locked.
    fcntl.flock(guard, fcntl.LOCK_EX)
    try:
        for left in _METRICS_FOLDERS.glob(f"{prefix}*"):
            _remove_unless_held(left)
        folder = mkdtemp(prefix=own_prefix, dir=_METRICS_FOLDERS)
        # Never closed: workers inherit it, and it has to survive a reload of this file.
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    finally:
        os.close(guard)
    return folder


def _remove_unless_held(folder: Path) -> None:
    # Its server has just removed the folder, or still lives.
    with suppress(FileNotFoundError, BlockingIOError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(descriptor)


# prometheus_client reads the variable at its first import, below; the committer inherits it.
os.environ[_METRICS_VARIABLE] = _metrics_folder()
# Arrow reads it at its first import, below. By default it takes mimalloc, with which a worker with
# uploads and reads beside submissions held 580 MiB; with jemalloc it holds 450 MiB.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")

from app.background.startup import (  # noqa: E402
    BACKLOG,
    SERVICE,
    allow_connections,
    end_process,
    exempt_from_collection,
    import_libraries,
    restrict_umask,
)

# Once for all processes, and before all that imports some of them by itself.
import_libraries("duckdb", "flask_smorest")

from prometheus_client.multiprocess import mark_process_dead  # noqa: E402

from app.background.supervisor import Supervisor  # noqa: E402
from app.edge.worker import Worker  # noqa: E402
from app.settings import Settings, SettingsError  # noqa: E402
from app.telemetry import exposition, logs, metrics, traces  # noqa: E402

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_MMAP_THRESHOLD_BYTES = 512 * 1024
"""Size of an allocation from which its memory goes back to the system once it is freed.

By default glibc raises this threshold up to 32 MiB, and keeps freed memory below it. Under load
with bodies of 8 MiB a worker then held 570 MiB; with this fixed threshold it holds 290 MiB.
"""
_TRIM_THRESHOLD_BYTES = 8 * 1024 * 1024
"""Free memory that each arena of malloc keeps.

By default it is 128 KiB, so that nearly each piece of an upload is taken from the system and given
back, a page at a time.
"""
_ARENAS = 2
"""Arenas of malloc, each of which keeps free memory. By default glibc has eight a processor."""
_MALLOC_OPTIONS = {
    "MALLOC_MMAP_THRESHOLD_": (-3, _MMAP_THRESHOLD_BYTES),
    "MALLOC_TRIM_THRESHOLD_": (-1, _TRIM_THRESHOLD_BYTES),
    "MALLOC_ARENA_MAX": (-8, _ARENAS),
}
"""Options by their environment variables, with their numbers in malloc.h: see mallopt(3)."""

try:
    _settings = Settings.from_environment(os.environ)
    allow_connections(_settings.max_connections)
except SettingsError as error:
    # The operator gets one line, and no traceback.
    raise SystemExit(f"chatlake: {error}") from error
if not _settings.dev:
    # Once for all processes, too. In development, new workers read code again that has changed.
    # The application is made after the fork: connections belong to the process that opened them.
    import_libraries(*SERVICE)


class _ServerLog(Logger):
    """gunicorn's log, in the service's format."""

    def setup(self, cfg: Config) -> None:
        """Configure logging as the service does."""
        # Not by `logconfig_dict`: with that, gunicorn formats an access line for every request.
        super().setup(cfg)
        logs.configure(_settings.log_level, _settings.log_format)


bind = f"[{_settings.host}]:{_settings.port}"
workers = _settings.workers
worker_class = "app.edge.worker.Worker"
graceful_timeout = _settings.shutdown_timeout_s
loglevel = _settings.log_level.lower()
logger_class = _ServerLog
reload = _settings.dev
# Without it, gunicorn sets the process' umask to 0 for a moment while it starts a worker.
umask = restrict_umask()
# When workers share one socket, a single worker may get all connections.
reuse_port = True
backlog = BACKLOG
# For the workers' heartbeats: on a disk, a slow sync would look like a dead worker.
worker_tmp_dir = "/dev/shm"  # noqa: S108  # gunicorn makes its own unnamed files there

# The control socket would lie in the operator's home folder, which a container may not have.
control_socket_disable = True


for name, (option, value) in _MALLOC_OPTIONS.items():
    # The variables are for programs that processes start; forked processes inherit the options.
    chosen = os.environ.setdefault(name, str(value))
    with suppress(AttributeError):  # glibc alone has it
        ctypes.CDLL(None).mallopt(option, int(chosen))


def on_starting(server: Arbiter) -> None:
    """Refuse a port that another server listens on, and migrate when the settings ask for it."""
    _refuse_taken_port()
    try:
        traces.check_installed()
    except traces.TracesMissing as error:
        raise SystemExit(f"chatlake: {error}") from error
    if _settings.migrate:
        _migrate()


def _refuse_taken_port() -> None:
    # With `reuse_port` the two servers would share it.
    family = socket.AF_INET6 if ":" in _settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_settings.host, _settings.port))
        except OSError as error:
            raise SystemExit(f"chatlake: {bind}: {error.strerror}") from error


def _migrate() -> None:
    """Migrate in a forked process, which has the libraries already, and end when it fails.

    Its connections and threads end with it, so that no worker inherits them.
    """
    process = get_context("fork").Process(target=_run_command, args=("migrate",))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def _run_command(*arguments: str) -> None:
    """Run a command of `scripts/lake` in this process, which has to be a forked one."""
    application = import_module("app.cli.lake").application
    with application.app_context():
        application.cli.main(arguments)


def when_ready(server: Arbiter) -> None:
    """Start the committer, just before the workers."""
    _start_committer(server)


def post_fork(server: Arbiter, worker: Worker) -> None:
    """End a worker by a signal that comes before it listens to signals itself.

    Until here, a new worker has the arbiter's handlers, which put signals into a queue that nobody
    reads in the worker. The arbiter would wait for it until the time for a graceful stop is over.
    """
    for number in _ENDING_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    while not server.SIG_QUEUE.empty():
        if server.SIG_QUEUE.get() in _ENDING_SIGNALS:
            raise SystemExit(0)


def post_worker_init(worker: Worker) -> None:
    """Begin to publish metrics, and exempt what was imported from garbage collection."""
    exposition.publish_regularly()
    traces.start("worker")
    exempt_from_collection()


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """Publish the last metrics, and end the process."""
    worker.close()
    metrics.publish()
    traces.stop()
    end_process(getattr(sys.exception(), "code", None))


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Remove the gauges of an ended process; its counters stay."""
    mark_process_dead(worker.pid)


def on_reload(server: Arbiter) -> None:
    """Restart the committer as the workers are."""
    _stop_committer(server)
    _start_committer(server)


def on_exit(server: Arbiter) -> None:
    """Stop the committer after the workers, so that it commits the last submissions."""
    _stop_committer(server)
    shutil.rmtree(os.environ[_METRICS_VARIABLE], ignore_errors=True)
    end_process(getattr(sys.exception(), "exit_status", os.EX_OK))


def _stop_committer(server: Arbiter) -> None:
    # Kept on the server object: a reload runs this file again and resets its variables.
    committer: Supervisor = vars(server)["committer"]
    committer.stop(_settings.shutdown_timeout_s)


def _start_committer(server: Arbiter) -> None:
    run = partial(_run_committer, server, os.getpid())
    committer = Supervisor(run, name="committer", umask=umask, ended=mark_process_dead)
    vars(server)["committer"] = committer
    committer.start()


def _run_committer(server: Arbiter, arbiter_id: int) -> None:
    # Else clients would still be connected, to nobody, after the workers have ended.
    for listener in server.LISTENERS:
        listener.sock.close()
    _run_command("committer", "--parent", str(arbiter_id))
