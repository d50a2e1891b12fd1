"""What a client sends is what every way out of the lake gives back, field by field."""

import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from app.query.snapshots import Reference
from app.services import Services
from tests.app.releases.factories import make_recipe

_PLAIN: dict[str, Any] = {
    "agent_id": "gpt4all",
    "conversation": [
        {"content": "Hi", "role": "user"},
        {"content": "Hello", "role": "assistant", "rating": "positive", "edited_content": "Hello!"},
    ],
}
_ANSWER: dict[str, Any] = {
    "content": "Зачем 🦕",
    "role": "assistant",
    "stopped": True,
    "reasoning": "First, …",
    "tool_calls": [
        {"id": "1", "name": "get_weather", "arguments": '{"city":  "Bonn"}'},
        {"id": "2", "name": "now"},
    ],
    "model": "mistral-7b",
    "created_at": "2026-11-29T08:30:00.000000Z",
    "attachments": [{"kind": "audio", "media_type": "audio/ogg", "bytes": 7, "text": "Hm."}],
}
_RICH: dict[str, Any] = {
    "agent_id": "mistral",
    "source": "app",
    "created_at": "2026-11-29T08:00:00.123456Z",
    "title": "The sky",
    "client": {"name": "my-chat-app", "version": "2.1.0"},
    "licence": "CC-BY-4.0",
    "tools": '[{"type": "function"}]',
    "labels": {"topic": "weather", "split": ""},
    "conversation": [
        {"content": "Is it blue?", "role": "user", "name": "Ada"},
        {**_ANSWER, "alternatives": [[_ANSWER, {"content": "Yes."}], [{"content": "No."}]]},
        {"content": "overcast", "role": "tool", "tool_call_id": "1", "name": "get_weather"},
    ],
}
_SENT: dict[str, dict[str, Any]] = {sent["agent_id"]: sent for sent in (_PLAIN, _RICH)}


def _json(client: FlaskClient, _: Services) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get("/v1/contributions").get_json()["contributions"]
    return rows


def _arrow(client: FlaskClient, _: Services) -> list[dict[str, Any]]:
    accept = {"Accept": "application/vnd.apache.arrow.stream"}
    answer = client.get("/v1/contributions", headers=accept)
    rows: list[dict[str, Any]] = pa.ipc.open_stream(answer.data).read_all().to_pylist()
    return rows


def _parquet(client: FlaskClient, _: Services) -> list[dict[str, Any]]:
    accept = {"Accept": "application/vnd.apache.parquet"}
    answer = client.get("/v1/contributions", headers=accept)
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(answer.data)).to_pylist()
    return rows


def _sql(client: FlaskClient, _: Services) -> list[dict[str, Any]]:
    query = "SELECT * FROM contributions ORDER BY contribution_id"
    answer = client.post("/v1/sql", json={"query": query}).get_json()
    rows: list[dict[str, Any]] = answer["rows"]
    return rows


def _release(client: FlaskClient, services: Services) -> list[dict[str, Any]]:
    snapshot = services.reading.snapshots.find(Reference())
    services.publishing.releases.build(make_recipe("all", "raw", formats=("parquet",)), snapshot)
    rows: list[dict[str, Any]] = []
    for file in client.get("/v1/releases/all").get_json()["files"]:
        data = client.get(f"/v1/releases/all/files/{file['path']}").data
        rows += pq.read_table(io.BytesIO(data)).to_pylist()
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("read", [_json, _arrow, _parquet, _sql, _release])
def test_every_field_comes_back_as_it_was_sent(
    client: FlaskClient,
    services: Services,
    read: Callable[[FlaskClient, Services], list[dict[str, Any]]],
) -> None:
    for submission in _SENT.values():
        assert client.post("/v1/ingest/chat", json=submission).status_code == 200
    services.jobs.committer().drain()
    rows = read(client, services)
    assert sorted(row["agent_id"] for row in rows) == sorted(_SENT)
    for row in rows:
        sent = _SENT[row["agent_id"]]
        given = _given({name: row.get(name) for name in sent.keys() | _RICH.keys()})
        assert given == _given(sent)


def _given(value: Any, key: str = "") -> Any:
    """Return a value without what wasn't given, in the form that JSON has for it."""
    match value:
        case dict() | list() if key == "labels":
            return dict(value if isinstance(value, dict) else map(_pair, value))
        case dict():
            kept = {name: _given(inner, name) for name, inner in value.items()}
            return {name: inner for name, inner in kept.items() if inner not in (None, False)}
        case list():
            return list(map(_given, value))
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case str() if key == "created_at":
            return datetime.fromisoformat(value).isoformat().replace("+00:00", "Z")
    return value


def _pair(item: Any) -> tuple[str, str]:
    return (item["key"], item["value"]) if isinstance(item, dict) else tuple(item)
