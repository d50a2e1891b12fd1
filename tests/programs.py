"""The programs beside Python that tests need."""

import os
import shutil
from typing import Final

_FOLDERS: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def program(name: str, package: str | None = None) -> str:
    """Return the path of a program.

    A missing part must not make a proof disappear unnoticed, so this fails without it.

    Args:
        name: The command's name.
        package: Debian's package that has it, when it is called otherwise.
    """
    path = shutil.which(name, path=_FOLDERS)
    install = f"On Debian, as root: apt-get install {package or name}"
    assert path, f"this needs {name}. {install}"
    return path
