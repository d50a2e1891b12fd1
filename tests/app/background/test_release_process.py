import os
import subprocess
import sys
from threading import Event, Thread

import pytest

from app.background.release_process import ReleaseProcess


def run_instead(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Have every process that is started run a Python program instead of its command."""
    start = subprocess.Popen
    command = [sys.executable, "-c", program]
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: start(command, **options))


def test_a_process_builds_a_release_and_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_instead(monkeypatch, "raise SystemExit(3)")
    assert ReleaseProcess(Event())("raw-x", "raw") == 3


def test_a_build_leaves_scarce_processors_to_submissions(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = min(os.nice(0) + 12, 19)
    program = f"""
import os, time
deadline = time.monotonic() + 20
while os.nice(0) < {expected} and time.monotonic() < deadline:
    time.sleep(0.01)
raise SystemExit(os.nice(0))
"""
    run_instead(monkeypatch, program)
    assert ReleaseProcess(Event())("raw-x", "raw") == expected


def test_the_process_ends_when_the_committer_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "import time; time.sleep(60)")
    stop = Event()
    codes: list[int] = []
    thread = Thread(target=lambda: codes.append(ReleaseProcess(stop)("raw-x", "raw")))
    thread.start()
    stop.set()
    thread.join(30)
    assert codes == [-15]
