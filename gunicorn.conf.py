"""The server: gunicorn's workers, and beside them one committer that is kept running."""

import logging
import os
import sys

from gunicorn.arbiter import Arbiter

from app.ingest.supervisor import Supervisor
from app.settings import Settings

_settings = Settings.from_environment(os.environ)

bind = f"[{_settings.host}]:{_settings.port}"
workers = _settings.workers
worker_class = "gthread"
threads = _settings.threads
graceful_timeout = _settings.shutdown_timeout_s
loglevel = _settings.log_level.lower()
reload = _settings.dev
reuse_port = True
# Heartbeats of the workers; on a disk, a slow sync would look like a dead worker.
worker_tmp_dir = "/dev/shm"  # noqa: S108  # gunicorn makes its own unnamed files there
# No preload: database connections and the catalog belong to the process that made them.

# It would listen in the operator's home folder, which a container may not have.
control_socket_disable = True

_committer: Supervisor | None = None


def when_ready(server: Arbiter) -> None:
    """Start the committer once the server listens."""
    global _committer  # noqa: PLW0603  # gunicorn's hooks are functions of a module
    # One form of line for gunicorn, the supervisor and, since they inherit it, the workers.
    service_log = logging.getLogger("app")
    service_log.setLevel(_settings.log_level)
    service_log.handlers = logging.getLogger("gunicorn.error").handlers
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "committer", "--parent"]
    _committer = Supervisor([*command, str(os.getpid())])
    _committer.start()


def on_exit(server: Arbiter) -> None:
    """Stop the committer when the workers have finished, so that it commits what they took last."""
    if _committer is not None:
        _committer.stop(_settings.shutdown_timeout_s)
