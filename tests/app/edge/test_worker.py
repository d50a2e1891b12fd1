"""gunicorn's worker, started by gunicorn with a small application."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import time

import pytest
import requests
import uvicorn

from app.edge.worker import SERVER
from app.settings import PREFIX, Settings
from tests.functional.server import START_TIMEOUT_S, eventually
from tests.servers.process import free_ports

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[3]

_APPLICATION = """
import time
from app import create_app
from app.api.needs import NEEDS
application = create_app()
NEEDS["GET", "/slow"] = None

@application.get("/slow")
def slow():
    print("slow begins", flush=True)
    time.sleep(1)
    return "slow"
"""
_CONFIGURATION = """
worker_class = "app.edge.worker.Worker"
control_socket_disable = True
graceful_timeout = 10

def worker_exit(server, worker):
    worker.close()
    print("worker_exit", flush=True)
"""


class Gunicorn:
    """A running gunicorn with one worker.

    Attributes:
        process: The arbiter.
        url: Where it answers.
        module: The file of the application.
    """

    def __init__(self, folder: Path, settings: Settings, *options: str) -> None:
        self.module = folder / "served.py"
        self.module.write_text(_APPLICATION)
        configuration = folder / "configuration.py"
        configuration.write_text(_CONFIGURATION)
        self._output = folder / "output"
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        bind = f"127.0.0.1:{port}"
        command = [sys.executable, "-m", "gunicorn", "-c", str(configuration), "-b", bind]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            PREFIX + "HOME": str(settings.home),
            "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        }
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *options, "served:application"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        eventually("the server", lambda: self.text("/"))

    @property
    def output(self) -> str:
        """What the processes have written."""
        return self._output.read_text()

    def text(self, path: str) -> str:
        """Return the text of an answer; "" without one."""
        with suppress(requests.RequestException):
            return requests.get(self.url + path, timeout=START_TIMEOUT_S).text
        return ""

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(START_TIMEOUT_S)


@pytest.fixture
def start(tmp_path: Path, settings: Settings) -> Iterator[Callable[..., Gunicorn]]:
    """Starts gunicorn, and ends it after the test."""
    running: list[Gunicorn] = []

    def start(*options: str) -> Gunicorn:
        running.append(Gunicorn(tmp_path, settings, *options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


def test_a_graceful_stop_finishes_what_was_asked(start: Callable[..., Gunicorn]) -> None:
    server = start()
    script = f"import requests; print(requests.get('{server.url}/slow').text)"
    asking = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    eventually("the request", lambda: "slow begins" in server.output)
    server.process.send_signal(signal.SIGTERM)
    assert asking.communicate(timeout=START_TIMEOUT_S)[0] == b"slow\n"
    assert server.process.wait(START_TIMEOUT_S) == 0
    assert server.output.count("worker_exit") == 1
    # A descriptor that is closed twice may be another thread's file by then.
    assert "Bad file descriptor" not in server.output


def test_a_quick_stop_ends_the_worker_in_order_too(start: Callable[..., Gunicorn]) -> None:
    server = start()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(START_TIMEOUT_S) == 0
    assert server.output.count("worker_exit") == 1


def test_a_worker_that_can_not_load_changed_code_tells_why(
    start: Callable[..., Gunicorn],
) -> None:
    server = start("--reload", "--reload-engine", "poll")
    # gunicorn has noted the times of all files before an answer that takes a second.
    assert server.text("/slow") == "slow"
    server.module.write_text("def")
    eventually("the error", lambda: "SyntaxError" in server.text("/quick"))


def test_a_clock_that_is_set_back_does_not_stop_the_heartbeat() -> None:
    beats = []

    async def notify() -> None:
        beats.append(time())

    server = uvicorn.Server(uvicorn.Config("", callback_notify=notify, **SERVER))
    server.last_notified = time() + 1_000
    asyncio.run(server.on_tick(0))
    assert beats
