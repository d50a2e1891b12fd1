"""Files in all shapes through the real command and a real server, and back field by field."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from chatlake_client.contract import Defaults, Terms
from chatlake_client.file_sender import FileSender
from chatlake_client.records import Accepted, Json, Outcome, PreparedRow
from chatlake_client.report import RejectedFile, Tally
from tests.client.environment import client_environment
from tests.functional.server import Server, eventually

FOLDER: Final = Path(__file__).parents[1] / "client" / "exports"
FILES: Final = sorted(path for path in FOLDER.iterdir() if ".expected." not in path.name)
SUBMITTER: Final = "7d1f4a52-imports-9c3e-2b8f06d1a4e7"


class Collecting:
    """Takes the place of a sender, and keeps what would be sent."""

    ignored = ()
    repeated = 0
    unowned = 0

    def __init__(self) -> None:
        self.bodies: list[Json] = []

    def stop(self) -> None:
        """Take no more rows."""

    def send(self, rows: Iterable[PreparedRow]) -> Iterator[Outcome]:
        """Yield one outcome for each row."""
        for row in rows:
            self.bodies.append(row.body)
            yield Accepted(row.line)


def prepared(folder: Path) -> dict[str, Json]:
    """What the command sends of all files, by ingest id."""
    sender = Collecting()
    terms = Terms(Defaults(submitter_id=SUBMITTER))
    with RejectedFile(folder / "rejected.jsonl") as rejected:
        for path in FILES:
            FileSender(path, sender, terms, rejected, Tally(path.name), lambda _: None).run()
    return {str(body["ingest_id"]): body for body in sender.bodies}


def comparable(value: Any) -> Any:
    """A value without what says nothing, and with times as times."""
    if isinstance(value, list):
        return list(map(comparable, value))
    if isinstance(value, dict):
        known = {key: comparable(item) for key, item in value.items()}
        if known.get("created_at"):
            known["created_at"] = datetime.fromisoformat(known["created_at"])
        said = {key: item for key, item in known.items() if item not in (None, False, "", [], {})}
        if "network/attribution" in said:
            said["attribution"] = said.pop("network/attribution")
        return said
    return value


@pytest.mark.server
def test_every_shape_comes_back_as_it_was_sent(shared_server: Server, tmp_path: Path) -> None:
    sent = prepared(tmp_path)
    command = [sys.executable, "-m", "chatlake_client", *map(str, FILES), "--concurrency", "1"]
    command += ["--url", shared_server.url, "--submitter-id", SUBMITTER]
    command += ["--rejected", str(tmp_path / "rejected.jsonl")]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=client_environment()
    )
    assert result.returncode == 1, result.stderr
    assert '"status": 422' not in (tmp_path / "rejected.jsonl").read_text()
    assert "ignored by the service" not in result.stdout
    assert "would have lost" not in result.stdout
    ids = shared_server.ids()
    own = {"contributor_id": ids.contributor_id(SUBMITTER)}
    eventually("all are visible", lambda: shared_server.count(**own) == len(sent))
    rows = shared_server.get("contributions", **own, limit=1000).json()
    stored = {row["conversation_id"]: row for row in rows["contributions"]}
    assert len(stored) == len(sent)
    for ingest_id, body in sent.items():
        wanted = comparable(body)
        del wanted["ingest_id"], wanted["submitter_id"]
        found = comparable(stored[ids.conversation_id(SUBMITTER, ingest_id)])
        assert {key: found.get(key) for key in wanted} == wanted
