"""Landlock, by which the kernel lets a process read some files and folders and open nothing else.

Linux has Landlock since 5.13, for TCP since 6.7, and for signals since 6.12; where it is missing or
switched off, nothing is denied. The constants are from landlock(7).
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION_FLAG: Final = 1
_RULE_PATH_BENEATH: Final = 1

_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights on files, by the version of the interface that introduced the last of them."""
_TCP_SINCE: Final = 4
_TCP_RIGHTS: Final = 0b11
_SCOPES_SINCE: Final = 6
_SCOPES: Final = 0b11
"""Abstract sockets of other processes, and signals to them."""

_RULESET: Final = struct.Struct("=QQQ")
_PATH_RULE: Final = struct.Struct("=Qi")
_libc: Final = ctypes.CDLL(None, use_errno=True)


def restrict(readable: Iterable[Path], *, allow_tcp: bool) -> bool:
    """Let this process open some files, and the files in some folders, for reading; no others.

    Args:
        readable: The files and folders; those that don't exist are skipped.
        allow_tcp: Whether the process may use TCP.

    Returns:
        Whether the kernel has Landlock.

    Raises:
        OSError: The kernel has Landlock, but a call to it failed.
    """
    version = _call(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        return False
    rights = max(rights for since, rights in _FILE_RIGHTS.items() if since <= version)
    tcp = _TCP_RIGHTS if version >= _TCP_SINCE and not allow_tcp else 0
    scopes = _SCOPES if version >= _SCOPES_SINCE else 0
    attributes = _RULESET.pack(rights, tcp, scopes)
    # Older versions know fewer fields, and accept further ones that are 0.
    ruleset = _checked(_call(_CREATE_RULESET, attributes, len(attributes), 0))
    for path in readable:
        with suppress(FileNotFoundError):
            _allow(ruleset, path)
    _checked(_call(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)
    return True


def _allow(ruleset: int, path: Path) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        # The kernel refuses a rule that gives rights on folders for a file.
        rights = _READ_FILE | _READ_DIR if is_folder else _READ_FILE
        rule = _PATH_RULE.pack(rights, descriptor)
        _checked(_call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: int | bytes | None) -> int:
    return int(_libc.syscall(ctypes.c_long(number), *arguments))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result
