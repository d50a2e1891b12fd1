"""Uploads to the real server: cut off, killed in the middle, repeated, far larger than memory."""

import gzip
import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
import requests

from app.api.inflate import PIECE_BYTES
from tests.factories import make_submission
from tests.functional import raw_http
from tests.functional.conftest import MakeServer
from tests.functional.processes import peak_memory_bytes
from tests.functional.server import Server, eventually

ROUTE = b"POST /v1/ingest/chats HTTP/1.1\r\n"
HEAD = ROUTE + b"Host: lake\r\nContent-Type: application/x-ndjson\r\n"
NDJSON = {"Content-Type": "application/x-ndjson"}
MAX_WORKER_BYTES = 512 * 1024 * 1024
NEVER_BY_AGE_S = 3600.0
ROWS = 12_000
"""More than a row group."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for uploads that leave nothing behind, or that count what they leave."""
    with Server(tmp_path_factory.mktemp("bulk") / "home") as made:
        yield made


def _lines(number: int, name: str, text: str = "") -> bytes:
    rows = (
        make_submission(f"{name} {i} {text}", ingest_id=f"{name}-{i}", source=name)
        for i in range(number)
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _upload(
    server: Server, body: bytes | Iterable[bytes], query: str = "", **headers: str
) -> requests.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(
        f"{server.url}/v1/ingest/chats{query}", data=body, headers={**NDJSON, **names}, timeout=120
    )


def _is_empty(server: Server, name: str) -> None:
    """Check that nothing of an upload is in the lake or on its way to it, and no file either."""
    marker = server.submit(make_submission(source="marker"), wait_s=30)
    assert marker.status_code == 200
    assert server.count(source=name, versions="all") == 0
    referenced = {Path(task.file.file_path).name for task in server.table().scan().plan_files()}
    files = {path.name for path in (server.home / "warehouse").rglob("*.parquet")}
    assert files == referenced


@pytest.mark.parametrize(
    "pieces",
    {
        "shorter than its Content-Length": [
            HEAD + b"Content-Length: 9999999\r\n\r\n",
            _lines(9_000, "cut"),
        ],
        "without its last chunk": [
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            b"%x\r\n%s\r\n" % (len(_lines(99, "cut")), _lines(99, "cut")),
        ],
        "a bad chunk size": [
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            b"%x\r\n%s\r\n" % (len(_lines(99, "cut")), _lines(99, "cut")),
            b"xyz\r\n",
        ],
        "a compressed text that ends too soon": [
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: 200\r\n\r\n",
            gzip.compress(_lines(99, "cut"))[:200],
        ],
    }.items(),
    ids=lambda item: item[0],
)
def test_an_upload_that_is_cut_off_stores_nothing(
    server: Server, pieces: tuple[str, list[bytes]]
) -> None:
    answer = raw_http.exchange(server.port, pieces[1])
    assert answer.status == 400, answer.body
    _is_empty(server, "cut")


def test_an_upload_in_chunks_is_stored_whole_in_one_snapshot(server: Server) -> None:
    body = _lines(3_000, "chunks", "x" * 2_000)
    pieces = (body[i : i + 70_001] for i in range(0, len(body), 70_001))
    answer = _upload(server, pieces, Prefer="wait=30")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 3_000)
    before = server.count(source="chunks", snapshot_id=answer.json()["snapshot_id"])
    assert (before, server.count(source="chunks")) == (3_000, 3_000)


def test_a_bomb_is_refused_with_the_limit(server: Server) -> None:
    bomb = pa.compress(b" " * 2**28 + b"x" * 2**26, "zstd", asbytes=True)
    answer = _upload(server, bomb, Content_Encoding="zstd")
    assert answer.status_code == 413
    assert "max_body_bytes" in answer.json()["message"]
    _is_empty(server, "bomb")


def _has_begun(server: Server, request_key: str) -> bool:
    with closing(sqlite3.connect(server.home / "chatlake.db")) as connection:
        query = "SELECT 1 FROM upload_requests WHERE request_key = ?"
        return connection.execute(query, [request_key]).fetchone() is not None


def test_a_key_in_use_is_refused_until_its_upload_is_answered(server: Server) -> None:
    arrived, going_on = threading.Event(), threading.Event()

    # An upload begins with its first megabyte.
    body = _lines(20, "slow", "x" * 100_000)

    def slowly() -> Iterator[bytes]:
        yield body
        arrived.set()
        going_on.wait(60)

    answers: list[requests.Response] = []
    first = threading.Thread(
        target=lambda: answers.append(_upload(server, slowly(), Idempotency_Key="slow"))
    )
    first.start()
    arrived.wait(60)

    # Asking by an upload with the same key could be the first to take it.
    eventually("the key is in use", lambda: _has_begun(server, "slow"))
    assert _upload(server, b"{}\n", Idempotency_Key="slow").status_code == 409
    going_on.set()
    first.join(60)
    assert answers[0].status_code == 200
    again = _upload(server, body, Idempotency_Key="slow")
    assert again.json() == {**answers[0].json(), "repeated": 20}
    eventually("it is visible", lambda: server.count(source="slow", versions="all") == 20)


def test_an_upload_far_larger_than_memory_is_taken_in_bounded_memory(
    make_server: MakeServer,
) -> None:
    server = make_server(workers=1)
    server.start()
    (worker,) = server.complete().workers
    line = json.dumps(make_submission("word " * 10_000)).encode() + b"\n"
    pieces = (line * 20 for _ in range(600))
    answer = _upload(server, pieces)
    assert answer.json()["accepted"] == 12_000
    assert len(line) * 12_000 > MAX_WORKER_BYTES
    assert peak_memory_bytes(worker) < MAX_WORKER_BYTES


def test_an_upload_is_stored_once_whenever_the_server_is_killed(make_server: MakeServer) -> None:
    server = make_server(commit_interval_s=NEVER_BY_AGE_S, workers=1)
    server.start()
    body = _lines(ROWS, "killed", "x" * 500)
    killed = threading.Event()

    def until_killed() -> Iterator[bytes]:
        yield body
        while not killed.wait(0.05):
            # As much as the server reads at once, so that it works on what came before.
            yield b"\n" * PIECE_BYTES

    def cut_off() -> None:
        with pytest.raises(requests.RequestException):
            _upload(server, until_killed(), Idempotency_Key="killed")

    sending = threading.Thread(target=cut_off)
    sending.start()
    # It is killed with a data file begun, and with nothing acknowledged.
    folder = server.home / "warehouse"
    eventually("a file is begun", lambda: list(folder.rglob(".*.parquet.*.tmp")))
    server.kill_all()
    killed.set()
    sending.join(60)
    server.start()
    assert server.count(versions="all") == 0
    # Its key is another's before long, and its rows' keys count for nothing.
    assert _upload(server, body, Idempotency_Key="another").json()["accepted"] == ROWS
    server.kill_all()  # acknowledged, and committed or not
    server.start()
    assert _upload(server, body, Idempotency_Key="another").json()["accepted"] == ROWS
    assert _upload(server, body).json()["accepted"] == ROWS
    os.kill(server.committer(), signal.SIGTERM)
    eventually("it is committed", lambda: server.count(versions="all") == ROWS)
    server.kill_all()
    server.start()
    assert _upload(server, body).json()["accepted"] == ROWS
    server.stop()
    assert server.table().scan().to_arrow().num_rows == ROWS
