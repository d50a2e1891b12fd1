"""A server that tests share, and a way to one of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.backends import Backend
from tests.functional.server import Server

MakeServer = Callable[..., Server]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that neither break it nor count all that it holds."""
    with Server(tmp_path_factory.mktemp("shared") / "home") as server:
        yield server


@pytest.fixture
def make_server(tmp_path: Path, backend: Backend) -> Iterator[MakeServer]:
    """Makes servers, not started, on one home unless another is named; they end with the test.

    On PostgreSQL with S3, those with other homes are other nodes of the same lake.
    """
    places = backend.places()
    with ExitStack() as servers:

        def make(home: str = "home", **settings: Any) -> Server:
            server = Server(tmp_path / home, **{**places, **settings})
            servers.callback(server.kill_all)
            return server

        yield make
