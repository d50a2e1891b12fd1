"""Programs other than Python that tests need."""

import os
import shutil
from typing import Final

_FOLDERS: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def program(name: str, package: str | None = None) -> str:
    """Return the path of a program.

    It fails when the program is missing, so that no test is skipped unnoticed.

    Args:
        name: Name of the command.
        package: Debian's package of the command; None if it has the same name.
    """
    path = shutil.which(name, path=_FOLDERS)
    install = f"On Debian, as root: apt-get install {package or name}"
    assert path, f"this needs {name}. {install}"
    return path
