"""Searching folders: every file in them, whatever its name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from app.takedown.verify.search import SQLITE, Search
from app.takedown.verify.sqlite import log_of, search_sqlite

_CHANGING: Final = ("-journal", "-shm", ".lock")
"""Ends of the names of files that may become shorter at any time."""
_SPILLED: Final = "spilled files"


def search_file(search: Search, path: Path) -> None:
    """Search a file; a SQLite database with its log.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        is_database = file.read(len(SQLITE)) == SQLITE
    if is_database:
        search_sqlite(search, path)
    elif _is_log(path):
        # Searched with its database.
        return
    elif path.name.endswith(_CHANGING):
        search.anything(str(path), path.read_bytes())
    elif path.stat().st_size:
        # Mapped, since files can be larger than memory.
        with pa.memory_map(str(path)) as file:
            search.anything(str(path), memoryview(file.read_buffer()))
    else:
        search.anything(str(path), b"")


def search_spilled(search: Search, path: Path) -> None:
    """Search a file of a running query, which may become shorter at any time.

    It isn't mapped: whoever reads beyond the end of a mapped file is killed by the kernel.

    Raises:
        OSError: It can't be read.
    """
    search.opened(_SPILLED)
    with path.open("rb") as file:
        search.stream(str(path), _SPILLED, file)


def search_folder(
    search: Search, folder: Path, search_one: Callable[[Search, Path], None] = search_file
) -> None:
    """Search all files below a folder; links aren't followed, and files may vanish meanwhile.

    Args:
        search: The search.
        folder: The folder.
        search_one: Searches a file.
    """
    for path in sorted(_files(folder)):
        try:
            search_one(search, path)
        except FileNotFoundError:
            continue
        except OSError as error:
            search.cannot_open(str(path), str(error))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path


def _is_log(path: Path) -> bool:
    database = path.with_name(path.name.removesuffix("-wal"))
    return log_of(database) == path and database.exists()
