"""What starting somebody else's server takes: ports, a folder and a user."""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

HOST: Final = "127.0.0.1"

_UNPRIVILEGED: Final = "nobody"


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nothing listens on."""
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in sockets]


@contextmanager
def server_folder(name: str) -> Iterator[Path]:
    """Yield a folder for a server's files, which the unprivileged user owns, and remove it.

    pytest's own temporary folders can't be entered by another user.
    """
    with tempfile.TemporaryDirectory(prefix=f"chatlake-{name}-") as made:
        if os.geteuid() == 0:
            shutil.chown(made, _UNPRIVILEGED)
        yield Path(made)


def unprivileged() -> dict[str, Any]:
    """Return the options with which `subprocess` runs what refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    return {"user": _UNPRIVILEGED, "group": pwd.getpwnam(_UNPRIVILEGED).pw_gid, "extra_groups": []}
