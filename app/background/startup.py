"""How the service's processes begin and end: umask, limit of open files, and large libraries.

Umask and limit belong to a whole process, so they are set once, before there are threads.
"""

import atexit
import gc
import os
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from typing import Final

from app.settings import PREFIX, SettingsError

LIBRARIES: Final = (
    "marshmallow",
    "pyarrow.parquet",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.orm",
)
"""The libraries that every process of the service needs."""
SERVICE: Final = (
    "app.api.access",
    "app.cli.commands.committer",
    "app.edge.application",
    "app.edge.connections.protocol",
    "app.site",
)
"""The modules of the service with which all others come that workers and the committer need."""

_GC_THRESHOLDS: Final = (10_000, 20, 50)
_REPORTS_LEAKS: Final = "duckdb"
"""A library that complains when its objects aren't collected before the process ends."""
_HIDDEN: Final = "pandas"

BACKLOG: Final = 1_024
"""Connections that wait until a worker accepts them, which it does for all of them at once."""
_OTHER_FILES: Final = 1_024
"""Files that a worker may have open beside its connections."""

_WRITABLE_BY_OTHERS: Final = 0o022
_PRIVATE: Final = 0o077


def restrict_umask() -> int:
    """Make new files of this process and of its children unwritable for the group and others.

    A stricter umask stays: an operator's 0o077 keeps all files to their owner.

    Returns:
        The umask from now on.
    """
    # It can't be read without being set. A file that a thread makes in between is private.
    umask = os.umask(_PRIVATE) | _WRITABLE_BY_OTHERS
    os.umask(umask)
    return umask


def allow_connections(maximum: int) -> None:
    """Let processes that are started from here on open enough files to hold connections.

    Often a process may open 1,024 files, until it asks for more. Without one that is left, a worker
    could neither accept a connection nor write to the journal.

    Args:
        maximum: Number of connections that a worker holds.

    Raises:
        SettingsError: The system doesn't allow so many files.
    """
    soft, hard = getrlimit(RLIMIT_NOFILE)
    files = maximum + BACKLOG + _OTHER_FILES
    if files > hard:
        problem = f"needs a limit of {files} open files; `ulimit -Hn` is {hard}"
        raise SettingsError(f"{PREFIX}MAX_CONNECTIONS", problem)
    setrlimit(RLIMIT_NOFILE, (max(soft, files), hard))


class _Hidden(MetaPathFinder):
    """Hides pandas from pyarrow, which otherwise imports it when it makes its first scalar."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Leave every other module to the finders that come after this one.

        Raises:
            ModuleNotFoundError: The module is the hidden one.
        """
        if fullname == _HIDDEN:
            raise ModuleNotFoundError(f"{fullname} isn't imported at the start", name=fullname)


def import_libraries(*more: str) -> None:
    """Import the libraries without pandas, and exempt their objects from garbage collection.

    They stay until the process ends. When the collector walked through them again and again while
    they were imported, and once more at the end, it took a third of the time of a short command.

    Args:
        more: Names of further modules to import.
    """
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    gc.disable()
    try:
        for name in (*LIBRARIES, *more):
            import_module(name)
    finally:
        gc.freeze()
        atexit.register(_unfreeze)
        gc.enable()
        sys.meta_path.remove(hidden)


def exempt_from_collection() -> None:
    """Exempt what a process has made at its start from garbage collection, and collect less often.

    A server's process keeps these objects, and leaves few cycles. Collecting stopped the threads of
    a worker, and took a seventh of the committer's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def end_process(code: object) -> None:
    """End this process at once, after it has closed what it used and flushed what it printed.

    Otherwise the interpreter frees every object, which keeps a processor busy for half a second in
    a process that has imported the libraries.

    Args:
        code: The exit code. Any that isn't a number is left to the interpreter, which prints it.
    """
    if isinstance(code, int):
        os._exit(code)


def _unfreeze() -> None:
    if _REPORTS_LEAKS in sys.modules:
        gc.unfreeze()
