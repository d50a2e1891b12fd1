"""A Ray cluster of two nodes with one processor each, on addresses of the loopback interface."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from tests.servers.process import free_ports

# Given 127.0.0.1, Ray listens on all interfaces of the machine; other loopback addresses it takes
# as they are.
_HEAD: Final = "127.0.0.2"
_OTHER: Final = "127.0.0.3"
_START_TIMEOUT_S: Final = 120
_STOP_TIMEOUT_S: Final = 30
_POLL_S: Final = 0.1
_STORE_BYTES: Final = 100 * 1024 * 1024
_STARTED: Final = "Ray runtime started"


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A running cluster.

    Attributes:
        address: Address for `ray.init`.
        environment: Environment variables of its nodes and clients.
    """

    address: str
    environment: Mapping[str, str]


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Start a cluster that requires a token, yield it, and stop it at the end of the block."""
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_USAGE_STATS_ENABLED": "0",
        "DAFT_ANALYTICS_ENABLED": "0",
    }
    (port,) = free_ports(1)
    address = f"{_HEAD}:{port}"
    # Ray's sockets lie in this folder, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        head = ["--head", "--node-ip-address", _HEAD, "--port", str(port), "--temp-dir", folder]
        other = ["--address", address, "--node-ip-address", _OTHER]
        with (
            _node(Path(folder) / "head.log", environment, *head, "--include-dashboard", "false"),
            _node(Path(folder) / "other.log", environment, *other),
        ):
            yield RayCluster(address, environment)


@contextmanager
def _node(log: Path, environment: Mapping[str, str], *options: str) -> Iterator[None]:
    """Start a node, yield once it runs, and stop it at the end of the block."""
    store = ["--object-store-memory", str(_STORE_BYTES)]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--disable-usage-stats", "--num-cpus", "1", *store, *options],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = monotonic() + _START_TIMEOUT_S
        while _STARTED not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert monotonic() < deadline, log.read_text()
            sleep(_POLL_S)
        yield
    finally:
        process.terminate()
        process.wait(_STOP_TIMEOUT_S)
