"""Takedowns on the real server: asked for from outside, erased by itself, refused for ever."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from app.access.contributors.keys import new_contributor_key
from chatlake_client import OwnContributions, RequestRefused
from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import REQUEST_TIMEOUT_S, Server, eventually

OWNER: Final = new_contributor_key()
STRANGER: Final = new_contributor_key()
TEXT: Final = "nobody may ever read this sentence again"
NDJSON: Final = {"Content-Type": "application/x-ndjson"}
ERASED_WITHIN_S: Final = 60
REFUSED_WITHIN_S: Final = 10


def ask(server: Server, method: str, path: str, key: str | None, **body: Any) -> requests.Response:
    """Ask with a bearer token."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.request(
        method, f"{server.url}{path}", headers=headers, timeout=REQUEST_TIMEOUT_S, **body
    )


def submit(server: Server, text: str, key: str | None = None, **fields: Any) -> requests.Response:
    """Submit a conversation; without a key, on the quick way of the edge."""
    return ask(server, "POST", "/v1/ingest/chat", key, json=make_submission(text, **fields))


def upload(server: Server, *lines: dict[str, Any]) -> dict[str, Any]:
    """Upload lines, and return the report."""
    body = "\n".join(map(json.dumps, lines))
    answer = requests.post(
        f"{server.url}/v1/ingest/chats", data=body, headers=NDJSON, timeout=REQUEST_TIMEOUT_S
    )
    report: dict[str, Any] = answer.json()
    return report


@pytest.mark.both
def test_what_is_withdrawn_is_gone_from_every_file_and_does_not_come_back(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server(workers=2, takedown_grace_s=1)
    server.start()
    sent = submit(server, TEXT, OWNER).json()["ingest_id"]
    submit(server, "what a stranger said", STRANGER)
    eventually("both to be committed", lambda: server.count() == 2)
    mine = f"/v1/contributions/{sent}"
    for key, status in [(None, 401), (STRANGER, 404), ("guessable", 403)]:
        assert ask(server, "DELETE", mine, key).status_code == status
    with OwnContributions(server.url, OWNER) as own:
        assert [row["contribution_id"] for row in own] == [sent]
        withdrawn = own.withdraw(sent)
    assert withdrawn.state == "erasing"
    with OwnContributions(server.url, STRANGER) as others:
        with pytest.raises(RequestRefused, match="404"):
            others.withdraw(sent)
        with pytest.raises(RequestRefused, match="404"):
            others.state_of(withdrawn.takedown_id)

    # Each worker answers one of these at least, singly and as a line, by columns and one by one.
    def is_refused() -> bool:
        again = [submit(server, TEXT, submitter_id=OWNER) for _ in range(16)]
        return all(each.status_code == 422 for each in again)

    eventually("every worker to refuse it", is_refused, REFUSED_WITHIN_S)
    for more in ({}, {"labels": {"a": "b"}}):
        again = make_submission(TEXT, submitter_id=OWNER, **more)
        report = upload(server, again, make_submission("fine", **more))
        assert (report["accepted"], report["rejected"]) == (1, 1)
        assert report["errors"][0]["line"] == 1
    feed = ask(server, "GET", "/v1/takedowns", None).json()["taken_down"]
    assert [entry["contribution_id"] for entry in feed] == [sent]

    def is_erased() -> bool:
        with OwnContributions(server.url, OWNER) as own:
            return own.state_of(withdrawn.takedown_id).state == "erased"

    eventually("it to be erased", is_erased, ERASED_WITHIN_S)
    text = tmp_path / "text"
    text.write_text(TEXT)
    verified = server.run_lake("takedown", "verify", sent, "--text", str(text))
    assert verified.splitlines()[-1] == "nothing was found"
    with OwnContributions(server.url, OWNER) as own:
        assert own.withdraw(sent).state == "erased"
        assert list(own) == []
        with pytest.raises(RequestRefused, match="404"):
            own.withdraw_all()
    assert ask(server, "DELETE", mine, STRANGER).status_code == 404
