"""Quick starts: the large libraries, imported before anything else."""

import atexit
import gc
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from typing import Final

LIBRARIES: Final = (
    "marshmallow",
    "pyarrow.parquet",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.orm",
)
"""What every process of the service needs."""

_REPORTS_LEAKS: Final = "duckdb"
"""What must be collected before a process ends."""
_HIDDEN: Final = "pandas"


class _Hidden(MetaPathFinder):
    """Keeps pyarrow from importing pandas, which it does at its first scalar where it is there."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Find nothing.

        Raises:
            ModuleNotFoundError: The module is hidden, and no other finder is to find it.
        """
        if fullname == _HIDDEN:
            raise ModuleNotFoundError(f"{fullname} isn't imported at the start", name=fullname)


def import_libraries(*more: str) -> None:
    """Import the libraries, without pandas, and keep the garbage collector from them.

    They stay until the process ends. To walk through them again and again while they are imported,
    and once more at the end, took a third of the time of a short command.

    Args:
        more: Names of further ones.
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


def _unfreeze() -> None:
    if _REPORTS_LEAKS in sys.modules:
        gc.unfreeze()
