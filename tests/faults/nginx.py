"""The real nginx with the repository's configuration, before a server of a test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests

from tests.functional.server import REQUEST_TIMEOUT_S, ROOT, eventually
from tests.programs import program
from tests.servers.process import free_ports

STOP_TIMEOUT_S: Final = 30.0


@contextmanager
def proxied(folder: Path, server_port: int) -> Iterator[int]:
    """Run nginx before a server within the block, and yield the port that it listens on.

    Args:
        folder: Folder for nginx's configuration, log and temporary files.
        server_port: The server's port on the loopback interface.
    """
    (port,) = free_ports(1)
    configuration = folder / "nginx.conf"
    configuration.write_text(_configuration(folder, port, server_port))
    # By default nginx drops root's rights, and then can't write to a folder of root's.
    directives = "daemon off; user root;"
    command = [program("nginx", "nginx-light"), "-c", str(configuration), "-g", directives]
    with (folder / "nginx.log").open("wb") as log:
        nginx = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            eventually("nginx answers", lambda: _answers(nginx, port))
            yield port
        finally:
            nginx.terminate()
            nginx.wait(STOP_TIMEOUT_S)


def _configuration(folder: Path, port: int, server_port: int) -> str:
    """Return the repository's configuration with ports and paths of the test."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    places = {
        "        listen [::]:8080;\n": "",
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "server chatlake:8080;": f"server 127.0.0.1:{server_port};",
        " /tmp/": f" {folder}/",
        "/dev/stdout": f"{folder}/access.log",
    }
    for there, here in places.items():
        assert there in text, f"deploy/nginx.conf has no {there!r} any more"
        text = text.replace(there, here)
    return text


def _answers(nginx: subprocess.Popen[bytes], port: int) -> bool:
    assert nginx.poll() is None, f"nginx exited with {nginx.returncode}"
    try:
        return requests.get(f"http://127.0.0.1:{port}/v1/health/", timeout=REQUEST_TIMEOUT_S).ok
    except requests.ConnectionError:
        return False
