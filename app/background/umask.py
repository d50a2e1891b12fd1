"""Keeping the files that we make from being written by others, whatever was set where we started.

The umask belongs to the whole process: it is set once, before there are threads.
"""

import os
from typing import Final

_WRITABLE_BY_OTHERS: Final = 0o022
_PRIVATE: Final = 0o077


def restrict_umask() -> int:
    """Have no new file of this process, or of those that it starts, writable by group or others.

    A stricter umask stays: an operator's 0o077 keeps all files to their owner.

    Returns:
        The umask from now on.
    """
    # It can't be read without being set. A file that a thread makes in between is private.
    umask = os.umask(_PRIVATE) | _WRITABLE_BY_OTHERS
    os.umask(umask)
    return umask
