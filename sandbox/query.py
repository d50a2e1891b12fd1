"""Running one query, from its task to its outcome."""

import errno
from typing import Any, Final

import duckdb
import pyarrow as pa

from sandbox.guard import Refused, check, parse_select
from sandbox.local import path_list
from sandbox.planning import planned_files
from sandbox.protocol import Outcome, Task
from sandbox.rows import ResultStream, collect
from sandbox.tables import Tables

ENGINE_SHARE: Final = 0.5
"""DuckDB's share of a query's memory. The rest is for what DuckDB doesn't count: its code, Arrow's
buffers, Python and the result."""
MAX_MESSAGE_CHARACTERS: Final = 2000

_CONFIG: Final[dict[str, Any]] = {
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "allow_unsigned_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
    "python_scan_all_frames": False,
    "temp_directory": "",
    "secret_directory": "",
    "extension_directory": "",
    "home_directory": "",
    "async_threads": 1,
}
"""Settings that keep a query from extensions, secrets, Python's variables and temporary files."""
_LOCK_DOWN: Final = """
    SET TimeZone = 'UTC';
    SET allowed_paths = {paths};
    SET enable_external_access = false;
    SET lock_configuration = true
"""
"""The order matters: once external access is off, paths can't be set, and once the configuration is
locked, nothing can."""
_OUT_OF_MEMORY: Final = "Out of Memory Error"
"""How DuckDB's error begins when Arrow passes it on as an error of its own."""


def answer(task: Task) -> tuple[Outcome, pa.Buffer | None]:
    """Run a query, and return its outcome, and the rows if it was answered."""
    try:
        rows = _run(task)
    except Refused as refusal:
        return Outcome(verdict="refused", message=_shortened(str(refusal))), None
    except _Unreadable:
        return Outcome(verdict="unreadable"), None
    except (MemoryError, duckdb.OutOfMemoryException):
        return Outcome(verdict="out_of_memory"), None
    size_bytes = rows.stream.size
    outcome = Outcome(verdict="answered", truncated_by=rows.truncated_by, size_bytes=size_bytes)
    return outcome, rows.stream


class _Unreadable(Exception):
    """A file of the snapshot can't be read."""


def _run(task: Task) -> ResultStream:
    with opened(task) as connection:
        tables = None
        try:
            select = parse_select(connection, task.query)
            tables = Tables(connection, task, planned_files(connection, select, task))
            tables.create()
            check(connection, select)
            return collect(connection.sql(select.statement), task.limits)
        except (duckdb.OutOfMemoryException, MemoryError):
            raise
        except (duckdb.Error, pa.ArrowException, OSError, ValueError, RuntimeError) as error:
            raise _reason(tables.failure(error) if tables else None, error) from error


def opened(task: Task) -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty database that is locked down for a task."""
    limits = task.limits
    memory_limit = f"{int(limits.memory_mib * ENGINE_SHARE)}MiB"
    connection = duckdb.connect(
        config={**_CONFIG, "threads": limits.threads, "memory_limit": memory_limit}
    )
    paths = path_list([*task.local.paths, *task.replaced.paths] if task.local else [])
    connection.execute(_LOCK_DOWN.format(paths=paths))
    return connection


def _reason(failure: BaseException | None, error: Exception) -> Exception:
    """Return why a query failed.

    Args:
        failure: The error that kept a file from being read; None if none did.
        error: The error of the query.
    """
    if failure is None and not str(error).startswith(_OUT_OF_MEMORY):
        return Refused(str(error))
    return MemoryError() if failure is None or _is_for_memory(failure) else _Unreadable()


def _is_for_memory(failure: BaseException) -> bool:
    """Tell whether reading a file failed for lack of memory.

    Python raises SystemError where it has no memory left for the proper exception.
    """
    is_os_error = isinstance(failure, OSError) and failure.errno == errno.ENOMEM
    return is_os_error or isinstance(failure, MemoryError | SystemError)


def _shortened(message: str) -> str:
    if len(message) <= MAX_MESSAGE_CHARACTERS:
        return message
    return message[:MAX_MESSAGE_CHARACTERS] + "…"
