"""Starting servers for tests: free ports, a folder and an unprivileged user."""

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
    """Yield a temporary folder that the unprivileged user owns.

    Other users can't enter pytest's own temporary folders.
    """
    with tempfile.TemporaryDirectory(prefix=f"chatlake-{name}-") as made:
        if os.geteuid() == 0:
            shutil.chown(made, _UNPRIVILEGED)
        yield Path(made)


def unprivileged() -> dict[str, Any]:
    """Return options of `subprocess` for programs that refuse to be run by root."""
    if os.geteuid() != 0:
        return {}
    return {"user": _UNPRIVILEGED, "group": pwd.getpwnam(_UNPRIVILEGED).pw_gid, "extra_groups": []}
