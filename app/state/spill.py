"""The folder in which this process keeps what doesn't fit into memory, for as long as it lives.

What a query spills has the rows of contributions. A process removes its files when a query ends; a
killed one can't. So each process has a folder that it holds locked, and any other may remove a
folder whose lock nobody holds.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

_PREFIX: Final = "chatlake-spill-"
_UNLOCKED_PREFIX: Final = f"new-{_PREFIX}"
_making: Final = Lock()
_made: dict[int, Path] = {}
"""The folder of this process, by its id: a forked process makes its own."""


def spill_folder() -> Path:
    """Return the folder of this process, which is made when it is first asked for.

    Raises:
        OSError: It can't be made.
    """
    with _making:
        process_id = os.getpid()
        if process_id not in _made:
            remove_abandoned()
            _made[process_id] = _make()
        return _made[process_id]


def remove_abandoned() -> int:
    """Remove the folders of processes of this user that have ended, and return how many.

    Raises:
        OSError: One can't be removed.
    """
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Another process may remove it at the same time.
        with suppress(FileNotFoundError):
            if folder.stat().st_uid == os.getuid() and _is_free(folder):
                shutil.rmtree(folder)
                removed += 1
    return removed


def _make() -> Path:
    # Under another name until it is locked, since an unlocked one may be removed.
    unlocked = Path(tempfile.mkdtemp(prefix=_UNLOCKED_PREFIX))
    # The lock lasts until the process ends: its descriptor is never closed.
    fcntl.flock(os.open(unlocked, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_SH)
    name = unlocked.name.removeprefix(_UNLOCKED_PREFIX)
    return unlocked.rename(unlocked.with_name(f"{_PREFIX}{name}"))


def _is_free(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
