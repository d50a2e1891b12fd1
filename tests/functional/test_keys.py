"""API keys on the real server: made, used and revoked by commands, also by an engine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import ForbiddenError, UnauthorizedError

from chatlake_client.command import ingest
from tests.factories import make_submission
from tests.functional.server import REQUEST_TIMEOUT_S, Server, eventually

CLOSED: dict[str, Any] = {"ingest_access": "keys", "raw_access": "keys", "stage_access": "keys"}
REVOKED_WITHIN_S = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that needs keys for everything."""
    with Server(tmp_path_factory.mktemp("closed") / "home", **CLOSED) as made:
        yield made


def make_key(server: Server, name: str, role: str) -> str:
    """Make a key as an operator does, and wait until every worker knows it."""
    key = server.run_lake("key", "create", name, "--role", role).strip()
    headers = {"Authorization": f"Bearer {key}"}

    def is_known() -> bool:
        answers = (
            requests.get(f"{server.url}/v1/snapshots", headers=headers, timeout=REQUEST_TIMEOUT_S)
            for _ in range(8)
        )
        return all(answer.status_code != 401 for answer in answers)

    eventually("every worker to know the key", is_known)
    return key


def submit(server: Server, key: str) -> requests.Response:
    """Submit a conversation with a key, and wait for its commit."""
    headers = {"Authorization": f"Bearer {key}", "Prefer": "wait=30"}
    return requests.post(
        f"{server.url}/v1/ingest/chat",
        json=make_submission(),
        headers=headers,
        timeout=REQUEST_TIMEOUT_S,
    )


def attach(server: Server, **properties: str) -> RestCatalog:
    """Attach an engine to the lake."""
    return RestCatalog("lake", uri=f"{server.url}/iceberg", **properties)


def test_an_engine_reads_with_a_key_and_not_without(server: Server) -> None:
    ingest, read = make_key(server, "importer", "ingest"), make_key(server, "engine", "read")
    assert submit(server, ingest).status_code == 200
    table = attach(server, token=read).load_table("chatlake.contributions")
    assert table.scan().to_arrow().num_rows == 1
    for properties in ({}, {"token": "other"}, {"token": read[:-1]}):
        with pytest.raises(UnauthorizedError):
            attach(server, **properties)
    with pytest.raises(ForbiddenError, match="the role read"):
        attach(server, token=ingest)


def test_a_revoked_key_is_refused_by_every_worker_within_seconds(server: Server) -> None:
    key = make_key(server, "leaked", "ingest")
    for _ in range(8):
        assert submit(server, key).status_code == 200
    server.run_lake("key", "revoke", "leaked")

    def is_refused() -> bool:
        return all(submit(server, key).status_code == 401 for _ in range(8))

    eventually("every worker to refuse the key", is_refused, REVOKED_WITHIN_S)
    listed = server.run_lake("key", "list").splitlines()
    (line,) = (line.split("\t") for line in listed if "leaked" in line)
    state, last_use = line[3], line[-1]
    assert state == "revoked"
    assert last_use != "-"


def test_the_server_keeps_no_secret_of_a_key(server: Server) -> None:
    key = make_key(server, "hidden", "ingest")
    for text in (key, key[:-1], key[:21] + "0" * 64):
        submit(server, text)
    secret = key[21:-1].encode()
    files: list[Path] = [server.log_file, *server.home.rglob("*")]
    assert [file for file in files if file.is_file() and secret in file.read_bytes()] == []


def test_the_client_submits_with_a_key_and_says_why_it_may_not_without(
    server: Server, tmp_path: Path
) -> None:
    path, rejected = tmp_path / "chats.jsonl", tmp_path / "rejected.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "May I?"}]}))
    arguments = [str(path), "--url", server.url, "--rejected", str(rejected)]
    key = make_key(server, "client", "ingest")
    denied = CliRunner().invoke(ingest, arguments)
    assert denied.exit_code == 2
    assert "this needs an API key with the role ingest" in denied.output
    taken = CliRunner().invoke(ingest, arguments, env={"CHATLAKE_TOKEN": key})
    assert taken.exit_code == 0, taken.output
