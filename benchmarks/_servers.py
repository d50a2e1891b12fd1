"""The servers that benchmarks compare, each on a free port of the loopback interface."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import _memory
import requests
from _loopback import free_port

ROOT = Path(__file__).parent.parent
_START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 90
_RSS_EVERY_S = 0.05


@contextmanager
def chatlake(
    home: Path, workers: int, root: Path = ROOT, settings: Mapping[str, object] | None = None
) -> Iterator[str]:
    """Serve the lake in a folder, which is migrated first, and yield the server's URL.

    Args:
        home: The folder.
        workers: Number of worker processes.
        root: The checkout of this repository whose code serves.
        settings: Other settings, by their names.
    """
    port = free_port()
    environment = _environment() | {
        "CHATLAKE_HOME": str(home),
        "CHATLAKE_PORT": str(port),
        "CHATLAKE_WORKERS": str(workers),
        "CHATLAKE_LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(root),
        **{f"CHATLAKE_{name.upper()}": str(value) for name, value in (settings or {}).items()},
    }
    migrate = [sys.executable, "-m", "flask", "--app", "wsgi", "migrate"]
    subprocess.run(migrate, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
    command = ["-c", "gunicorn.conf.py", "wsgi:application"]
    with _gunicorn(command, environment, root, f"http://127.0.0.1:{port}/v1/health/"):
        url = f"http://127.0.0.1:{port}"
        yield url


@contextmanager
def empty_view(workers: int, threads: int) -> Iterator[str]:
    """Serve a Flask view that does nothing with the same kind of workers, and yield its URL."""
    port = free_port()
    command = ["--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--threads", str(threads)]
    command += ["--worker-class", "gthread", "--worker-tmp-dir", "/dev/shm"]  # noqa: S108  # as ours
    command += [
        "--reuse-port",
        "--no-control-socket",
        "--log-level",
        "warning",
        "_empty_view:application",
    ]
    # In another folder than the repository's, where gunicorn would read gunicorn.conf.py.
    with _gunicorn(command, _environment(), Path(__file__).parent, f"http://127.0.0.1:{port}/"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def gpt4all_service(folder: Path, workers: int, python: Path) -> Iterator[str]:
    """Serve what gpt4all-datalake does for a submission, and yield the server's URL.

    Args:
        folder: Where the submissions are stored.
        workers: Number of workers.
        python: The Python of the rivals' environment.
    """
    port = free_port()
    command = ["--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--log-level", "warning"]
    command += ["--worker-class", "uvicorn_worker.UvicornWorker", "gpt4all_service:application"]
    environment = _environment() | {"SUBMISSIONS_FOLDER": str(folder)}
    rivals = Path(__file__).parent / "rivals"
    with _gunicorn(command, environment, rivals, f"http://127.0.0.1:{port}/", python):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _gunicorn(
    arguments: list[str],
    environment: dict[str, str],
    folder: Path,
    probe: str,
    python: Path | str = sys.executable,
) -> Iterator[None]:
    command = [str(python), "-m", "gunicorn", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        try:
            _wait_for(probe)
            yield
        finally:
            process.terminate()
            process.wait(_STOP_TIMEOUT_S)


@dataclass
class PeakMemory:
    """Peak memory of a worker and of a committer, in bytes."""

    worker: int = 0
    committer: int = 0


@contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """Watch the servers' processes within the block; yield their peaks, which grow meanwhile."""
    done, peak = Event(), PeakMemory()

    def watch() -> None:
        while not done.wait(_RSS_EVERY_S):
            for process in _memory.descendants(os.getpid())[1:]:
                rss = _memory.rss_bytes(process)
                if _read(process, "comm").strip() == b"committer":
                    peak.committer = max(peak.committer, rss)
                # wrk has several hundred MiB with large bodies.
                elif b"gunicorn" in _read(process, "cmdline"):
                    peak.worker = max(peak.worker, rss)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield peak
        finally:
            done.set()
            watching.result()


def _read(process: int, name: str) -> bytes:
    """Return what /proc has of a process under a name; nothing when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{process}/{name}").read_bytes()
    return b""


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=1)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CHATLAKE_")}
