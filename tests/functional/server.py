"""Starts, breaks and stops the real server: gunicorn with its workers and the committer."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import requests
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from sqlalchemy import NullPool, create_engine, text

from app.access.contributors.ids import Ids, read_secret
from app.settings import PREFIX, Settings
from app.state.db import Database
from tests.functional.arbiters import ForkedArbiter, fork_arbiter
from tests.functional.processes import Processes, running_in
from tests.functional.template import GUNICORN
from tests.lakes import empty_lake, opened_app
from tests.servers.process import free_ports

ROOT: Final = Path(__file__).parents[2]
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 60.0
COMMAND_TIMEOUT_S: Final = 240.0
"""A command that builds a map may compile for a minute when other tests keep the machine busy."""
REQUEST_TIMEOUT_S: Final = 30.0

_FIRST_POLL_S: Final = 0.01
_LONGEST_POLL_S: Final = 0.05
"""Many tests wait at the same time, and looking takes their servers' processor."""
_numbers = count()

T = TypeVar("T")


def eventually(
    what: str, condition: Callable[[], T | None], timeout_s: float = START_TIMEOUT_S
) -> T:
    """Return a condition's value as soon as it is true.

    Raises:
        TimeoutError: The value still isn't true at the deadline.
    """
    deadline, pause_s = monotonic() + timeout_s, _FIRST_POLL_S
    while not (value := condition()):
        if monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        sleep(pause_s)
        pause_s = min(pause_s * 1.2, _LONGEST_POLL_S)
    return value


def clean_environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Return this process's environment with these settings of chatlake and no other ones."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    ours = {PREFIX + name.upper(): str(value) for name, value in settings.items()}
    return {**inherited, "PYTHONPATH": str(ROOT / "client"), **ours}


def open_table(home: Path, **settings: object) -> Table:
    """Open a lake's table as a stranger would: with pyiceberg, and without the server.

    Args:
        home: The lake's folder.
        settings: Settings that say where the catalog and the files are, if not in the folder.
    """
    lake = Settings.at(home, **settings)
    # pyiceberg's SQL catalogs keep the tables of several names apart; ours is called chatlake.
    catalog = SqlCatalog("chatlake", uri=lake.catalog_uri, **lake.catalog_properties)
    try:
        return catalog.load_table("chatlake.contributions")
    finally:
        # Else its connections are warned about when they are collected.
        catalog.engine.dispose()


class Server:
    """A server on a home folder of its own; as a context manager it ends with its block.

    It starts a session, and its processes are those of the session. So no other process is ever
    signalled, and no process of the server is missed, orphans included.
    """

    def __init__(
        self,
        home: Path,
        *,
        root: Path = ROOT,
        wrapper: Sequence[str] = (),
        umask: int = -1,
        is_forked: bool = True,
        **settings: object,
    ) -> None:
        """Make a server, which `start` starts.

        Args:
            home: The folder of the server's state.
            root: The folder of the code.
            wrapper: A command that starts the server in some special way, such as nice; empty for
                none.
            umask: The umask of the server's processes and commands; -1 for that of this process.
            is_forked: Whether the arbiter is a fork of a process that has imported the service,
                which saves a second of a processor, or a new process, as users start it. It is
                always a new one with a wrapper, with a root of its own or in development.
            settings: Further settings, by their names in `app.settings`.
        """
        self.home = home
        self._root = root
        self._wrapper = wrapper
        self._umask = umask
        self._is_forked = is_forked and not wrapper and root == ROOT and not settings.get("dev")
        self.log_file = home.with_name(f"{home.name}-{next(_numbers)}.log")
        self._settings: dict[str, Any] = {
            "workers": 2,
            "commit_interval_s": 0.2,
            "home": home,
            **settings,
        }
        self._port = 0
        self._log_start = 0
        self._arbiter: subprocess.Popen[bytes] | ForkedArbiter | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill_all()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill_all()

    @property
    def port(self) -> int:
        """The port of the newest start. Every start takes another, so it never waits for a port."""
        return self._port

    @property
    def lake(self) -> Settings:
        """The server's settings."""
        return Settings.at(**self._settings)

    @property
    def url(self) -> str:
        """The server's base URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> str:
        """Everything that the server's processes have printed since the newest start."""
        return self.log_file.read_bytes()[self._log_start :].decode(errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether any process of the server is left."""
        return self._arbiter is not None and bool(running_in(self._arbiter.pid))

    @property
    def leads(self) -> bool:
        """Whether the server's committer has become the one that commits to the lake."""
        return "this process commits to the lake" in self.log

    @property
    def commits(self) -> int:
        """How often the server's committers have committed since the newest start."""
        return self.log.count("committed batch")

    @property
    def session(self) -> int:
        """The session of the server's processes: the pid of the arbiter, dead or alive."""
        assert self._arbiter is not None, "it was never started"
        return self._arbiter.pid

    def migrate(self) -> None:
        """Migrate the state; a new home folder gets a copy of a lake that was migrated before."""
        if self._is_embedded and not self.home.exists():
            empty_lake().copy(self.home)
        else:
            self.run_lake("migrate")

    @property
    def _is_embedded(self) -> bool:
        """Whether all state lies in the home folder."""
        return not {"database_url", "catalog_uri", "warehouse"} & {*self._settings}

    def run_lake(self, *arguments: str) -> str:
        """Run a command of `scripts/lake`, and return what it printed.

        It runs in this process, since another one takes seconds to import its modules: `run` has
        one, with the server's umask.
        """
        with opened_app(self.lake) as app:
            result = app.test_cli_runner().invoke(args=arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def run(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module with the server's settings, and return what it printed."""
        result = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self._root,
            env=clean_environment(self._settings),
            umask=self._umask,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def start(self, *, migrate: bool = True) -> None:
        """Migrate, start, and return once a submission could be made durable."""
        if migrate:
            self.migrate()
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        """Start gunicorn, and return before it answers."""
        (self._port,) = free_ports(1)
        environment = clean_environment({**self._settings, "host": "127.0.0.1", "port": self._port})
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            if self._is_forked:
                self._arbiter = fork_arbiter(environment, log.fileno(), self._umask)
                return
            self._arbiter = subprocess.Popen(
                [*self._wrapper, sys.executable, "-m", *GUNICORN],
                cwd=self._root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=self._umask,
            )

    def wait_until_ready(self) -> None:
        """Return once a submission could be made durable."""
        assert self._arbiter is not None, "it was never started"
        arbiter = self._arbiter

        def is_ready() -> bool:
            assert arbiter.poll() is None, f"gunicorn ended by itself:\n{self.log}"
            # It is asked often, and for this a request by `requests` takes thirty times as long.
            connection = HTTPConnection("127.0.0.1", self._port, timeout=REQUEST_TIMEOUT_S)
            with suppress(OSError, HTTPException), closing(connection):
                connection.request("GET", "/v1/ready")
                return connection.getresponse().status == HTTPStatus.OK
            return False

        eventually(f"{self.url} is ready", is_ready)

    def processes(self) -> Processes:
        """Return the processes that run now."""
        assert self._arbiter is not None, "it was never started"
        return Processes.of(self._arbiter.pid)

    def complete(self, without: frozenset[int] = frozenset()) -> Processes:
        """Return the processes once every worker and the committer run.

        That is later than the server is ready, because it is so with its first worker.

        Args:
            without: Pids of processes that must have ended.
        """

        def are_complete() -> Processes | None:
            now = self.processes()
            counts = (len(now.workers), len(now.committers))
            complete = counts == (self._settings["workers"], 1)
            return now if complete and not now.all & without else None

        return eventually("every process runs", are_complete)

    def committer(self) -> int:
        """Return the pid of the committer once everything runs."""
        return min(self.complete().committers)

    def kill_all(self) -> None:
        """Kill -9 every process at once, and return when none is left."""
        if self._arbiter is None:
            return
        if self.is_running:
            os.killpg(self._arbiter.pid, signal.SIGKILL)
        self._arbiter.wait(STOP_TIMEOUT_S)
        self.wait_until_gone()

    def freeze(self) -> None:
        """Halt every process with SIGSTOP: none of them does anything from then on."""
        assert self._arbiter is not None, "it was never started"
        os.killpg(self._arbiter.pid, signal.SIGSTOP)

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Stop the server as an operator does; return the exit code when no process is left."""
        assert self._arbiter is not None, "it was never started"
        self._arbiter.send_signal(signal_number)
        code = self._arbiter.wait(STOP_TIMEOUT_S)
        self.wait_until_gone()
        return code

    def kill_arbiter(self) -> None:
        """Kill -9 the arbiter alone."""
        assert self._arbiter is not None, "it was never started"
        self._arbiter.kill()
        self._arbiter.wait(STOP_TIMEOUT_S)

    def press_ctrl_c(self) -> int:
        """Send SIGINT to all processes, as a terminal does; return the exit code."""
        assert self._arbiter is not None, "it was never started"
        os.killpg(self._arbiter.pid, signal.SIGINT)
        code = self._arbiter.wait(STOP_TIMEOUT_S)
        self.wait_until_gone()
        return code

    def wait_until_ended(self) -> int:
        """Return the exit code of a server that ends by itself."""
        assert self._arbiter is not None, "it was never started"
        return self._arbiter.wait(STOP_TIMEOUT_S)

    def wait_until_gone(self) -> None:
        """Return when no process is left."""
        assert self._arbiter is not None, "it was never started"
        session = self._arbiter.pid
        eventually("every process has ended", lambda: not running_in(session), STOP_TIMEOUT_S)

    def submit(self, submission: object, wait_s: int | None = None) -> requests.Response:
        """Post a submission; `wait_s` asks to be answered after its commit."""
        headers = {} if wait_s is None else {"Prefer": f"wait={wait_s}"}
        return requests.post(
            f"{self.url}/v1/ingest/chat", json=submission, headers=headers, timeout=60
        )

    def get(self, path: str, **parameters: str | int) -> requests.Response:
        """Get a resource below /v1."""
        return requests.get(f"{self.url}/v1/{path}", params=parameters, timeout=60)

    def count(self, **parameters: str) -> int:
        """Return how many contributions the server counts."""
        answer = self.get("contributions/count", **parameters)
        assert answer.status_code == 200, answer.text
        count: int = answer.json()["count"]
        return count

    def journalled(self) -> int:
        """Return how many contributions the journal has seen, committed ones included."""
        return self._contributions("SELECT sum(contributions) FROM journal")

    def pending(self) -> int:
        """Return how many acknowledged contributions are not settled yet."""
        return self._contributions(
            "SELECT sum(contributions) FROM journal WHERE payload IS NOT NULL"
        )

    def _contributions(self, query: str) -> int:
        """Return the number that a query of the relational database gives."""
        engine = create_engine(self.lake.database_url, poolclass=NullPool)
        with engine.connect() as connection:
            return int(connection.scalar(text(query)) or 0)

    def ids(self) -> Ids:
        """Return what makes the ids of the lake, read from its database."""
        database = Database(self.lake.database_url)
        try:
            secret = read_secret(database)
        finally:
            database.dispose()
        return Ids(lambda: secret)

    def table(self) -> Table:
        """Open the lake's table with pyiceberg, without the server."""
        return open_table(**self._settings)
