"""Bodies that are compressed, at the limits of size, cut off, or hostile."""

import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.services import Services
from app.settings import Settings
from tests.factories import make_submission
from tests.lakes import LakeTemplate

URL = "/v1/ingest/chat"
MAX_BODY_BYTES = 4096
GIB = 1 << 30
EITHER = pytest.mark.parametrize("encoding", ["gzip", "zstd"])


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    return lake_template.copy(tmp_path / "home", max_body_bytes=MAX_BODY_BYTES)


def post(client: FlaskClient, body: bytes, encoding: str | None = None) -> TestResponse:
    headers = {"Content-Encoding": encoding} if encoding else {}
    return client.post(URL, data=body, content_type="application/json", headers=headers)


def body_of(size: int) -> bytes:
    """Return a valid submission of this many bytes."""
    empty = len(json.dumps(make_submission("")))
    return json.dumps(make_submission("x" * (size - empty))).encode()


def compress(text: bytes, encoding: str) -> bytes:
    compressed: bytes = pa.compress(text, codec=encoding, asbytes=True)
    return compressed


def assert_nothing_is_stored(services: Services) -> None:
    assert services.ingest.journal.backlog().entries == 0


@EITHER
def test_a_compressed_submission_is_stored_to_the_byte(
    client: FlaskClient, services: Services, encoding: str
) -> None:
    text = "Grüße \U0001f995 " * 100
    body = json.dumps(make_submission(text)).encode()
    assert post(client, compress(body, encoding), encoding).status_code == 200
    services.jobs.committer().drain()
    (row,) = client.get("/v1/contributions").get_json()["contributions"]
    assert row["conversation"][0]["content"] == text


@pytest.mark.parametrize("name", ["GZIP", " gzip ", "x-gzip", "identity"])
def test_encodings_are_known_in_any_case_and_identity_is_none(
    client: FlaskClient, name: str
) -> None:
    body = body_of(1000)
    sent = body if name == "identity" else compress(body, "gzip")
    assert post(client, sent, name).status_code == 200


@EITHER
def test_the_parts_of_a_compressed_body_are_read_as_one(client: FlaskClient, encoding: str) -> None:
    body = body_of(1000)
    parts = compress(body[:400], encoding) + compress(body[400:], encoding)
    assert post(client, parts, encoding).status_code == 200


@pytest.mark.parametrize("encoding", [None, "gzip", "zstd"])
def test_a_body_may_be_as_large_as_the_limit(
    client: FlaskClient, services: Services, encoding: str | None
) -> None:
    for size, status in ((MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)):
        body = body_of(size)
        assert len(body) == size
        response = post(client, compress(body, encoding) if encoding else body, encoding)
        assert response.status_code == status
    assert f"max_body_bytes = {MAX_BODY_BYTES}" in response.get_json()["message"]
    assert services.ingest.journal.backlog().entries == 1


@EITHER
def test_a_compressed_body_that_is_itself_too_large_is_refused(
    client: FlaskClient, encoding: str
) -> None:
    parts = compress(b" ", encoding) * MAX_BODY_BYTES
    response = post(client, parts, encoding)
    assert response.status_code == 413
    assert "max_body_bytes" in response.get_json()["message"]


@EITHER
def test_a_decompression_bomb_is_refused_before_it_is_inflated(
    tmp_path: Path, encoding: str
) -> None:
    settings = Settings.at(tmp_path / "home")
    client = create_app(settings).test_client()
    part = 1 << 26
    bomb = compress(bytes(part), encoding) * (GIB // part)
    assert len(bomb) < settings.max_body_bytes
    tracemalloc.start()
    try:
        response = post(client, bomb, encoding)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert response.status_code == 413
    assert f"max_body_bytes = {settings.max_body_bytes}" in response.get_json()["message"]
    assert peak < 4 * settings.max_body_bytes
    # The peak of the whole process so far; no other test comes near this limit.
    assert (pa.default_memory_pool().max_memory() or 0) < GIB / 2


@EITHER
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_body_is_refused(
    client: FlaskClient, services: Services, encoding: str, kept: float
) -> None:
    body = compress(body_of(1000), encoding)
    response = post(client, body[: int(len(body) * kept)], encoding)
    assert response.status_code == 400
    assert "body" in response.get_json()["message"]
    assert_nothing_is_stored(services)


@EITHER
@pytest.mark.parametrize("garbage", [b"garbage", b"\x00", b"{}"])
def test_garbage_after_a_compressed_body_is_refused(
    client: FlaskClient, services: Services, encoding: str, garbage: bytes
) -> None:
    response = post(client, compress(body_of(1000), encoding) + garbage, encoding)
    assert response.status_code == 400
    assert encoding in response.get_json()["message"]
    assert_nothing_is_stored(services)


@EITHER
def test_a_body_with_a_wrong_content_encoding_is_refused(
    client: FlaskClient, services: Services, encoding: str
) -> None:
    response = post(client, body_of(1000), encoding)
    assert response.status_code == 400
    assert encoding in response.get_json()["message"]
    assert_nothing_is_stored(services)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x-gzip2", "lz4"])
def test_an_unknown_encoding_is_refused_by_name(
    client: FlaskClient, services: Services, encoding: str
) -> None:
    response = post(client, body_of(1000), encoding)
    assert response.status_code == 415
    assert encoding in response.get_json()["message"]
    assert_nothing_is_stored(services)
