"""Who runs a command, as the log of moderation names them."""

import os
from getpass import getuser


def current_actor() -> str:
    """Return `cli:` and the name of the user of this process, or the number of a nameless one."""
    try:
        return f"cli:{getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"
