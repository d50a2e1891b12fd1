"""The view of uploads: the requests that it accepts, and its answers."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, event
from werkzeug.test import TestResponse

from app.services import Services
from tests.factories import make_submission

URL = "/v1/ingest/chats"
NDJSON = "application/x-ndjson"


def _lines(*submissions: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in submissions)


def _upload(client: FlaskClient, body: bytes, query: str = "", **headers: str) -> TestResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(URL + query, data=body, content_type=NDJSON, headers=names)


def _stored(client: FlaskClient, services: Services) -> list[str]:
    """Return the first text of every contribution in the lake, once all is committed."""
    services.jobs.committer().drain()
    rows = client.get("/v1/contributions?versions=all&limit=1000").json
    assert rows is not None
    return [row["conversation"][0]["content"] for row in rows["contributions"]]


def _files(services: Services) -> list[Path]:
    return list((services.settings.home / "warehouse").rglob("*.parquet"))


def test_the_lines_of_an_upload_are_stored_in_their_order_in_one_snapshot(
    client: FlaskClient, services: Services
) -> None:
    answer = _upload(client, _lines(*(make_submission(str(i)) for i in range(9))))
    assert (answer.status_code, answer.json) == (
        200,
        {"accepted": 9, "rejected": 0, "errors": [], "errors_truncated": False, "unowned": 9},
    )
    assert _stored(client, services) == [str(i) for i in range(9)]
    snapshots = client.get("/v1/snapshots").json
    assert snapshots is not None
    assert [each["added_rows"] for each in snapshots["snapshots"]] == [9]


def test_wrong_lines_are_named_and_the_others_stored(
    client: FlaskClient, services: Services
) -> None:
    body = b"\n" + _lines(make_submission("a"), {"agent_id": "x"}) + b"\r\n{\n"
    body += _lines(make_submission("b")).rstrip()
    answer = _upload(client, body)
    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["accepted"], answer.json["rejected"]) == (2, 2)
    assert [error["line"] for error in answer.json["errors"]] == [3, 5]
    assert answer.json["errors"][0]["errors"] == {
        "conversation": ["Missing data for required field."]
    }
    assert "not JSON" in answer.json["errors"][1]["message"]
    assert _stored(client, services) == ["a", "b"]


def test_rejected_lines_are_counted_by_reason(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: dict[str, int] = {}
    monkeypatch.setattr("app.telemetry.metrics.rejected", counted.__setitem__)
    nested = make_submission()["conversation"] * 10_001
    body = _lines({}, {}, make_submission(), make_submission() | {"conversation": nested})
    assert _upload(client, body + b"{\n").status_code == 200
    assert counted == {"invalid": 2, "too_large": 1, "malformed": 1}


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("zstd", lambda text: pa.compress(text, "zstd", asbytes=True))],
)
def test_an_upload_may_be_compressed(
    client: FlaskClient, services: Services, encoding: str, compress: Any
) -> None:
    body = _lines(*(make_submission(str(i)) for i in range(3)))
    assert _upload(client, compress(body), Content_Encoding=encoding).status_code == 200
    assert len(_stored(client, services)) == 3
    cut = _upload(client, compress(body)[:-3], Content_Encoding=encoding)
    assert (cut.status_code, len(_stored(client, services))) == (400, 3)
    assert _upload(client, b"not at all", Content_Encoding=encoding).status_code == 400


def test_all_or_nothing_stores_nothing_when_a_line_is_wrong(
    client: FlaskClient, services: Services
) -> None:
    body = _lines(make_submission("a"), {}, make_submission("b"))
    answer = _upload(client, body, "?mode=all-or-nothing")
    assert answer.status_code == 422
    assert answer.json is not None
    assert [error["line"] for error in answer.json["errors"]["errors"]] == [2]
    assert _stored(client, services) == []
    assert _files(services) == []
    good = _upload(client, _lines(make_submission("a")), "?mode=all-or-nothing")
    assert (good.status_code, _stored(client, services)) == (200, ["a"])


@pytest.mark.parametrize(
    "body", [b"", b"\n \r\n", b"{}\n[]\n", b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0"]
)
def test_an_upload_of_which_no_line_is_right_is_refused(
    client: FlaskClient, services: Services, body: bytes
) -> None:
    assert _upload(client, body).status_code == 422
    assert services.ingest.journal.backlog().entries == 0


@pytest.mark.parametrize("last_line", [b"{}\n", b'"' + b"x" * 20_000_000 + b'"\n'])
def test_a_refused_upload_has_written_nothing_to_the_journal(
    client: FlaskClient, services: Services, last_line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.writing.staging.ROW_GROUP_ROWS", 1)
    commits: list[Connection] = []
    record = commits.append
    event.listen(services.database.engine, "commit", record)
    rows = (make_submission(ingest_id=f"i-{number}") for number in range(2_000))
    answer = _upload(client, _lines(*rows) + last_line, "?mode=all-or-nothing")
    event.remove(services.database.engine, "commit", record)
    assert answer.status_code in {413, 422}
    assert not commits


def test_only_the_first_thousand_errors_are_listed(client: FlaskClient) -> None:
    answer = _upload(client, b"{}\n" * 1_500 + _lines(make_submission()))
    assert answer.json is not None
    assert (answer.json["rejected"], len(answer.json["errors"])) == (1_500, 1_000)
    assert answer.json["errors_truncated"]


def test_an_upload_with_another_type_or_mode_is_refused(client: FlaskClient) -> None:
    body = _lines(make_submission())
    assert client.post(URL, data=body, content_type="text/plain").status_code == 415
    assert _upload(client, body, Content_Encoding="br").status_code == 415
    assert _upload(client, body, "?mode=some").status_code == 422
    assert _upload(client, body, "?made=partial").status_code == 422
    assert _upload(client, body, Idempotency_Key="x" * 256).status_code == 422


def test_a_line_past_the_limit_refuses_the_upload(client: FlaskClient, services: Services) -> None:
    long = make_submission("x" * services.settings.max_body_bytes)
    answer = _upload(client, _lines(make_submission(), long))
    assert answer.status_code == 413
    assert answer.json is not None
    assert "max_body_bytes" in answer.json["message"]
    assert (_stored(client, services), _files(services)) == ([], [])


def test_a_key_replays_the_first_answer(client: FlaskClient, services: Services) -> None:
    body = _lines(make_submission("a"), {})
    first = _upload(client, body, Idempotency_Key="k")
    again = _upload(client, body, Idempotency_Key="k")
    assert first.json is not None
    assert (first.status_code, again.json) == (200, first.json | {"repeated": 1})
    assert _stored(client, services) == ["a"]
    other = _upload(client, body + body, Idempotency_Key="k")
    assert other.status_code == 422
    assert _upload(client, body, "?mode=all-or-nothing", Idempotency_Key="k").status_code == 422
    assert _stored(client, services) == ["a"]


def test_ignored_keys_of_accepted_lines_are_named_also_when_the_answer_is_replayed(
    client: FlaskClient,
) -> None:
    wrong = make_submission(agent_id=1, wrong=1)
    body = _lines(make_submission("a", foo=1), make_submission("b", bar=1, foo=1), wrong)
    first = _upload(client, body, Idempotency_Key="k").json
    assert first is not None
    assert (first["accepted"], first["ignored"]) == (2, ["bar", "foo"])
    assert _upload(client, body, Idempotency_Key="k").json == first | {"repeated": 2}


def test_a_key_of_an_upload_that_was_refused_can_be_used_again(
    client: FlaskClient, services: Services
) -> None:
    assert _upload(client, b"{}\n", Idempotency_Key="k").status_code == 422
    body = _lines(make_submission("a"))
    assert _upload(client, body, Idempotency_Key="k").status_code == 200
    assert _stored(client, services) == ["a"]


@pytest.mark.slow
def test_rows_that_the_journal_knows_are_not_stored_again(
    client: FlaskClient, services: Services
) -> None:
    single = make_submission("one", ingest_id="1")
    assert client.post("/v1/ingest/chat", json=single).status_code == 200
    named = [make_submission(text, ingest_id=text) for text in "aab"]
    for repeated in (2, 4):
        answer = _upload(client, _lines(single, *named))
        assert answer.json is not None
        assert (answer.json["accepted"], answer.json["repeated"]) == (4, repeated)
    assert sorted(_stored(client, services)) == ["a", "b", "one"]
    assert client.post("/v1/ingest/chat", json=named[0]).status_code == 200
    assert len(_stored(client, services)) == 3


def test_an_upload_that_waits_is_answered_with_its_snapshot(
    client: FlaskClient, services: Services
) -> None:
    body = _lines(make_submission("a", ingest_id="a"))
    late = _upload(client, body, Prefer="wait=0")
    assert late.status_code == 202
    services.jobs.committer().drain()
    repeated = _upload(client, body, Prefer="wait=5")
    assert repeated.status_code == 200
    snapshots = client.get("/v1/snapshots").json
    assert snapshots is not None
    assert (repeated.json or {})["snapshot_id"] == snapshots["snapshots"][0]["snapshot_id"]
