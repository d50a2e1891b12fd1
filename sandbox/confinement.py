"""Confinement of a query's process by the operating system, whatever code runs in it."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pyarrow.fs import FileSystem, LocalFileSystem

from sandbox.landlock import restrict
from sandbox.protocol import QueryLimits

CODE_MIB: Final = 96
"""Memory for the code of libraries, which RLIMIT_DATA doesn't count."""
_MAX_DESCRIPTORS: Final = 256
_MIB: Final = 1024 * 1024
_LIBRARIES: Final = (Path("/usr"), Path("/lib"), Path("/lib64"))
_MACHINE: Final = (Path("/proc/self"), Path("/sys/fs/cgroup"), Path("/sys/devices/system/cpu"))
"""Where DuckDB looks up the number of processors and the memory; it aborts if it can't."""
_NAMES_AND_CERTIFICATES: Final = Path("/etc")

# From <linux/prctl.h>.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38

_libc: Final = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; exit if the parent is gone."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


def give_up_privileges() -> None:
    """Keep this process from gaining privileges, and other processes from reading its memory."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def limit(limits: QueryLimits) -> None:
    """Limit the memory, processor time, open files and file size of this process.

    The limit on memory is for private memory, mapped or not; the code of libraries is allowed for
    by `CODE_MIB`.
    """
    for kind, value in (
        (resource.RLIMIT_DATA, (limits.memory_mib - CODE_MIB) * _MIB),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
    ):
        resource.setrlimit(kind, (value, value))


def close_in(filesystem: FileSystem, files: Iterable[str]) -> None:
    """Have the kernel refuse to open files other than some and the libraries'.

    For files in an object store, certificates and name resolution may be read too, and
    connections may be made.
    """
    is_local = isinstance(filesystem, LocalFileSystem)
    readable = [Path(sys.prefix), Path(sys.base_prefix), *_LIBRARIES, *_MACHINE]
    if not is_local:
        readable.append(_NAMES_AND_CERTIFICATES)
    else:
        readable.extend(map(Path, files))
    restrict(readable, allow_tcp=not is_local)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
