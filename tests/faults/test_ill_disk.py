"""The short version of `python -m tests.faults.ill_disk`, and what one failed sync may leave."""

import json
from pathlib import Path

from app import create_app
from app.settings import Settings
from tests.catalog.strace import run_with_fault, trace
from tests.factories import make_submission
from tests.faults.disk_faults import FAULTS
from tests.faults.ill_disk import fill_small_disk, make_ill
from tests.faults.lake import commit_pending, opened
from tests.functional.server import Server, open_table

SEED = 0

# It ends like a killed process, without closing anything.
_SUBMIT = """
import json, os, sys
from app.background.startup import import_libraries
import_libraries()
from app import create_app
from app.settings import Settings
client = create_app(Settings.at(sys.argv[1])).test_client()
for submission in sys.argv[2:]:
    answer = client.post("/v1/ingest/chat", json=json.loads(submission))
    print(answer.status_code, answer.headers.get("Retry-After"), flush=True)
os._exit(0)
"""


def test_everything_acknowledged_is_in_the_table_once_after_an_illness_of_the_disk(
    tmp_path: Path,
) -> None:
    count = make_ill(tmp_path, FAULTS, SEED)

    assert count.is_sound, count
    assert count.cycles == len(FAULTS)
    assert count.refused > 0


def test_a_small_disk_that_uploads_fill_drains_once_a_little_space_is_given_back(
    tmp_path: Path,
) -> None:
    count = fill_small_disk(tmp_path, SEED)

    assert count.is_sound, count
    assert count.refused
    assert count.acknowledged


def test_a_refused_submission_that_a_crash_brings_back_is_stored_once(tmp_path: Path) -> None:
    first, refused = (
        make_submission(text, ingest_id=text, submitter_id="a contributor")
        for text in ("first", "refused")
    )
    healthy, ill = tmp_path / "healthy", tmp_path / "ill"
    for home in (healthy, ill):
        Server(home).migrate()
    syncs = trace(_SUBMIT, healthy, json.dumps(first), calls="fdatasync", workspace=tmp_path)
    answers = run_with_fault(
        _SUBMIT,
        ill,
        json.dumps(first),
        json.dumps(refused),
        fault=f"fdatasync:error=EIO:when={len(syncs) + 1}+",
    )
    assert answers.splitlines()[0] == "200 None"
    assert "503 1" in answers.splitlines()
    # SQLite had written the transaction before the sync failed, and finds it whole in its log.
    with opened(ill) as services:
        assert services.ingest.journal.backlog().entries == 2

    again = create_app(Settings.at(ill)).test_client().post("/v1/ingest/chat", json=refused)
    assert again.status_code == 200

    commit_pending(ill)
    conversations = open_table(ill).scan().to_arrow()["conversation"].to_pylist()
    assert sorted(turns[0]["content"] for turns in conversations) == ["first", "refused"]
