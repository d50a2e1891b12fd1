"""Running the operator's command that builds the stages of a lake, and measuring it."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from uuid import uuid4

import _lake
import _memory

from app.services import Services
from app.settings import Settings
from catalog.reading.size import size_of
from catalog.records import Contribution
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import append_batch, load_table

_ROOT = Path(__file__).parent.parent
_ROWS_IN_APPEND = 20_000


@dataclass(frozen=True)
class CuratedBuild:
    """A build of `curated` and of the stage before it.

    Attributes:
        rows: Number of rows of `curated`.
        seconds: Time that it took, with the start of the command.
        cpu_seconds: Processor time of all processes.
        peak_bytes: The most memory that all processes had together.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def append(home: Path, contributions: Iterable[Contribution]) -> None:
    """Append contributions to a lake, which is made if there is none, in large commits."""
    services = _lake.make(home)
    left = iter(contributions)
    while group := list(islice(left, _ROWS_IN_APPEND)):
        append_batch(load_table(services.catalog), uuid4(), group)
    services.jobs.committer().reconcile()
    services.close()


def curate(home: Path) -> CuratedBuild:
    """Bring the stages of a lake to its newest snapshot."""
    started, cpu_before = monotonic(), _children_cpu_s()
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "curate", "--stage", "curated"],
        cwd=_ROOT,
        env=os.environ | {"CHATLAKE_HOME": str(home), "CHATLAKE_LOG_LEVEL": "WARNING"},
        stdout=subprocess.DEVNULL,
    ) as process:
        peak = _memory.peak_bytes(process)
    seconds = monotonic() - started
    if process.returncode:
        raise RuntimeError(f"curate exited with {process.returncode}")
    return CuratedBuild(_kept(home), seconds, _children_cpu_s() - cpu_before, peak)


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _kept(home: Path) -> int:
    """Return the number of rows of the newest build of `curated`."""
    services = Services(Settings.at(home))
    rows = size_of(load_table(services.catalog, COMPUTED_STAGES["curated"].rows)).rows
    services.close()
    return rows
