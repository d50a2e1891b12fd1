"""Makes the lake of 0.1.0 that `test_lake_of_0_1_0.py` upgrades, by running that version.

0.1.0 is commit 73eb626, the last one of the day on which the changelog dates it. In a work tree of
that commit, with its own requirements installed, run

    python make.py WORK_TREE lake.tar.xz

It submits and uploads, replaces a version, builds the stages and a release, thins and compacts, and
kills the server while two submissions and an upload wait in the journal. `expected.json` in the
archive has what the server answered.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

HOME = Path("/tmp/chatlake-of-0.1.0")  # noqa: S108  # its paths are in the archive
PORT = 18_310
LAKE = f"http://127.0.0.1:{PORT}"
NEVER_S = "3600"


def chat(number: int, **values: Any) -> dict[str, Any]:
    """Return a submission."""
    turns = [
        {"content": f"What is {number} times {number}?", "role": "user"},
        {"content": f"It is {number * number}, as every table says.", "role": "assistant"},
    ]
    return {"conversation": turns, "source": "made-for-0.1.0", "agent_id": "agent", **values}


def call(path: str, body: bytes | None = None, **headers: str) -> Any:
    """Send a request, and return the parsed answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(LAKE + path, body, named)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.read().decode()}") from error


def submit(wait: int = 20, **values: Any) -> str:
    """Submit a conversation, and return the id that the answer has."""
    headers = {"Content_Type": "application/json"}
    if wait:
        headers["Prefer"] = f"wait={wait}"
    answered: str = call("/v1/ingest/chat", json.dumps(chat(**values)).encode(), **headers)[
        "ingest_id"
    ]
    return answered


def upload(numbers: range, key: str, wait: int = 20) -> Any:
    """Upload conversations, and return the answer."""
    lines = "\n".join(
        json.dumps(chat(number, submitter_id="uploader-of-many")) for number in numbers
    )
    headers = {"Content_Type": "application/x-ndjson", "Idempotency_Key": key}
    if wait:
        headers["Prefer"] = f"wait={wait}"
    return call("/v1/ingest/chats", lines.encode(), **headers)


class Server:
    """A server of 0.1.0."""

    def __init__(self, tree: Path, **settings: str) -> None:
        self.environment = {
            **os.environ,
            "CHATLAKE_HOME": str(HOME),
            "CHATLAKE_PORT": str(PORT),
            "CHATLAKE_WORKERS": "1",
            **settings,
        }
        self.tree = tree
        self.run("migrate")
        command = ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:application"]
        self.process = subprocess.Popen(
            command, cwd=tree, env=self.environment, start_new_session=True
        )
        for _ in range(300):
            try:
                call("/v1/health/")
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)

    def run(self, *command: str) -> str:
        """Run a command of 0.1.0, and return its output."""
        return subprocess.run(
            ["flask", "--app", "wsgi", *command],  # noqa: S607  # that of its environment
            cwd=self.tree,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def stop(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the server, and wait."""
        os.killpg(self.process.pid, number)
        self.process.wait(timeout=60)


def read_everything() -> dict[str, Any]:
    """Return every snapshot, newest first, with the rows that the server answers."""
    snapshots = call("/v1/snapshots?limit=1000")["snapshots"]
    for snapshot in snapshots:
        query = f"/v1/contributions?snapshot_id={snapshot['snapshot_id']}&versions=all&limit=1000"
        snapshot["rows"] = call(query)["contributions"]
    return {"snapshots": snapshots}


def main() -> None:
    """Make the archive."""
    tree, archive = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
    shutil.rmtree(HOME, ignore_errors=True)
    server = Server(
        tree,
        CHATLAKE_COMMIT_INTERVAL_S="0.3",
        CHATLAKE_KEEP_SNAPSHOTS="2",
        CHATLAKE_KEEP_HOURLY_SNAPSHOTS="0",
        CHATLAKE_KEEP_DAILY_SNAPSHOTS="0",
    )
    owner: dict[str, Any] = {"submitter_id": "a-secret-of-its-owner"}
    submitted = {str(n): submit(number=n, ingest_id=f"chat-{n}", **owner) for n in range(3)}
    submit(number=3, ingest_id="conversation-one", **owner)
    submit(number=4, ingest_id="conversation-one", **owner)
    submit(number=5)
    uploaded = upload(range(10, 30), "first-upload")
    server.run("curate")
    server.run("release", "build", "first", "--stage", "raw")
    server.run("maintenance", "thin")
    server.stop(signal.SIGTERM)
    # Nothing is committed any more, so that entries are left in the journal.
    server = Server(tree, CHATLAKE_COMMIT_INTERVAL_S=NEVER_S)
    expected = read_everything()
    pending = {str(n): submit(wait=0, number=n, ingest_id=f"chat-{n}", **owner) for n in (40, 41)}
    waiting = upload(range(50, 53), "waiting-upload", wait=0)
    server.stop(signal.SIGKILL)
    expected |= {
        "submitted": submitted,
        "uploaded": uploaded,
        "pending": pending,
        "waiting": waiting,
    }
    (HOME / "expected.json").write_text(json.dumps(expected, indent=1))
    for lock in HOME.glob("*.lock"):
        lock.unlink()
    with tarfile.open(archive, "w:xz") as made:
        made.add(HOME, "lake")


if __name__ == "__main__":
    main()
