"""Generating load with wrk, and its results."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import _conversations

_NUMBER = "NUMBER"
_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local head, tail, count = %s, %s, 0
function request()
  count = count + 1
  return wrk.format(nil, nil, nil, head .. count .. tail)
end
function done(summary, latency)
  io.stderr:write(string.format(
    '{"requests": %%d, "seconds": %%f, "refused": %%d, "failed": %%d,' ..
    ' "p50_ms": %%f, "p99_ms": %%f}',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.status + summary.errors.connect + summary.errors.read
      + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class LoadResult:
    """The results of one run of wrk.

    Attributes:
        requests: Number of answers.
        seconds: Duration of the run.
        refused: Number of answers that weren't successful.
        failed: Number of refused answers, failed connections and timeouts together.
        p50_ms: Median time to an answer.
        p99_ms: 99th percentile of the time to an answer.
    """

    requests: int
    seconds: float
    refused: int
    failed: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


def submit(url: str, connections: int, seconds: int, size_bytes: int = 0) -> LoadResult:
    """Submit from one thread, on each connection as soon as it was answered.

    Every submission has an id of its own, or it would be stored once only.

    Args:
        url: Where to post.
        connections: Number of connections.
        seconds: How long to go on.
        size_bytes: Size of each submission; 0 for the usual one.
    """
    body = _conversations.submission(f"{uuid4()}-{_NUMBER}", size_bytes)
    head, tail = body.split(_NUMBER)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT % (_lua_string(head), _lua_string(tail)))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
        result = subprocess.run(
            [*command, "-s", str(Path(script.name)), url],
            check=True,
            capture_output=True,
            text=True,
        )
    return LoadResult(**json.loads(result.stderr))


def _lua_string(text: str) -> str:
    return f"[==[{text}]==]"
