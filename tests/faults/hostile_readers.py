"""Attacks by those who read, and measures what others feel meanwhile.

Run `python -m tests.faults.hostile_readers --attack NAME`, with `--nginx` behind nginx:

- `abandoned_scans`: searches for a rare text over the whole lake, left at once;
- `slow_pages`: pages of some megabytes, read a few kilobytes a second;
- `lingering`: short requests whose clients keep their end open after the answer.
"""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic
from typing import Final

import click
import requests

from tests.factories import make_submission
from tests.faults.lake import migrate
from tests.faults.nginx import proxied
from tests.functional.server import Server, eventually

LOOPBACK: Final = "127.0.0.1"
ATTACKERS_ADDRESS: Final = "127.0.0.2"
"""Another client's than that of those who measure: nginx has limits for each."""
HONEST_TIMEOUT_S: Final = 10.0
HONEST_PAUSE_S: Final = 0.05
ABANDONED: Final = 64
SLOW_READERS: Final = 40
SLOW_PAUSE_S: Final = 2.0
PIECE_BYTES: Final = 4096
LINGERING_PER_S: Final = 2
UPLOAD_ROWS: Final = 50_000
TEXT: Final = "What a lake holds, and what it gives back to who asks. " * 6
LARGE_TEXT: Final = "A page of some megabytes. " * 8_000
LARGE_ROWS: Final = 20
"""Conversations with a large text, which make a page of four megabytes; the newest of the lake."""

Attack = Callable[[int, Event], None]


class Felt:
    """What honest clients of a port felt: they ask for the health and submit, in turn.

    Attributes:
        seconds: How long each answer took, by what was asked; one that failed counts as the time
            after which its client gave up.
        failed: How many answers didn't come in time or weren't 200, by what was asked.
    """

    def __init__(self, port: int) -> None:
        self._url = f"http://{LOOPBACK}:{port}/v1"
        self.seconds: dict[str, list[float]] = {"health": [], "ingest": []}
        self.failed = {"health": 0, "ingest": 0}

    def watch(self, duration_s: float) -> None:
        """Ask and submit for so long, each on a connection of its own."""
        deadline, pause = monotonic() + duration_s, Event()
        for number in count():
            if monotonic() > deadline:
                return
            submission = make_submission(f"honest {number}")
            self._ask("health", lambda: self._get("health/"))
            self._ask("ingest", lambda body=submission: self._post("ingest/chat", body))
            pause.wait(HONEST_PAUSE_S)
