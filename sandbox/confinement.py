"""What the operating system keeps a query's process from, whatever becomes of the code in it."""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from sandbox.landlock import restrict
from sandbox.protocol import QueryLimits

CODE_MIB: Final = 96
"""Memory of a process that RLIMIT_DATA doesn't count: the code of its libraries."""
_MAX_DESCRIPTORS: Final = 256
_MIB: Final = 1024 * 1024
_LIBRARIES: Final = (Path("/usr"), Path("/lib"), Path("/lib64"))
_MACHINE: Final = (Path("/proc/self"), Path("/sys/fs/cgroup"), Path("/sys/devices/system/cpu"))
"""Where DuckDB learns how many processors and how much memory there are; it aborts without."""
_NAMES_AND_CERTIFICATES: Final = Path("/etc")

# From <linux/prctl.h>.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38

_libc: Final = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; end it if that has happened."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


def give_up_privileges() -> None:
    """Have this process gain no rights by what it executes, and let no other look into it."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def limit(limits: QueryLimits) -> None:
    """Limit the memory and the processor time of this process, and what it may open and write.

    Its private memory is limited, mapped or not: what it has besides is the code of its libraries.
    """
    for kind, value in (
        (resource.RLIMIT_DATA, (limits.memory_mib - CODE_MIB) * _MIB),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
    ):
        resource.setrlimit(kind, (value, value))


def close_in(dataset: ds.FileSystemDataset) -> None:
    """Have the kernel refuse to open anything but a dataset's files and the libraries.

    A dataset in an object store takes more: names, certificates and connections.
    """
    is_local = isinstance(dataset.filesystem, LocalFileSystem)
    readable = [Path(sys.prefix), Path(sys.base_prefix), *_LIBRARIES, *_MACHINE]
    if not is_local:
        readable.append(_NAMES_AND_CERTIFICATES)
    elif dataset.files:
        readable.append(Path(os.path.commonpath([Path(file).parent for file in dataset.files])))
    restrict(readable, allow_tcp=not is_local)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
