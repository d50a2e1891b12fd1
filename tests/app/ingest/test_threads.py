"""The first requests of a new worker, in many threads at once."""

import subprocess
import sys

import pytest

_FIRST_REQUESTS = """
import os, sys, threading
from app.access.contributors.ids import Ids
from app.ingest.decoding.contributions import decode, new_contribution_id
from app.ingest.journal.entries import encode_contribution
from app.ingest.decoding.senders import Sender
from app.ingest.decoding.strict_json import JsonLimits

sys.setswitchinterval(1e-6)
body = b'{"agent_id": "a", "conversation": [{"content": "x"}]}'

def first_request(start):
    start.wait()
    sender = Sender(Ids(lambda: bytes(32)))
    decoded = decode(body, JsonLimits(10, 64, 10), new_contribution_id(), sender)
    encode_contribution(decoded.contribution)

def first_requests():
    start = threading.Barrier(16)
    threads = [threading.Thread(target=first_request, args=(start,)) for _ in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

for _ in range(4):
    if not (pid := os.fork()):
        first_requests()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, code
"""


@pytest.mark.slow
def test_first_requests_at_once_do_not_crash_the_worker() -> None:
    """More than half of such processes crashed when msgspec described its types at first use.

    The processes are forked from one that has imported what they need and hasn't used it yet.
    """
    subprocess.run([sys.executable, "-c", _FIRST_REQUESTS], check=True, timeout=60)
