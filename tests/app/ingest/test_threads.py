"""The first requests of a new worker, in many threads at once."""

import subprocess
import sys

import pytest

_FIRST_REQUESTS = """
import sys, threading
from app.ingest.decode import decode, new_contribution_id
from app.ingest.entries import encode_contribution
from app.ingest.strict_json import JsonLimits

sys.setswitchinterval(1e-6)
start = threading.Barrier(16)
body = b'{"agent_id": "a", "conversation": [{"content": "x"}]}'

def first_request():
    start.wait()
    encode_contribution(decode(body, JsonLimits(10, 64, 10), new_contribution_id()))

threads = [threading.Thread(target=first_request) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


@pytest.mark.slow
def test_first_requests_at_once_do_not_crash_the_worker() -> None:
    """More than half of such processes crashed when msgspec described its types at first use."""
    for _ in range(4):
        subprocess.run([sys.executable, "-c", _FIRST_REQUESTS], check=True, timeout=60)
