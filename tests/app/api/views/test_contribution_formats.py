"""Contributions in each media type, with all columns or some."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.api.answers import SNAPSHOT_HEADER
from app.api.formats import ARROW_STREAM, CSV, JSON, NDJSON, PARQUET, STREAMS
from app.services import Services
from catalog.records import Contribution, Turn
from catalog.schema import ALWAYS_PRESENT
from tests.app.api.views.answered_rows import URL, get, in_order, rows_of
from tests.factories import commit_batch, make_received


@pytest.mark.slow
def test_all_forms_hold_the_same_rows_and_name_their_snapshot(
    client: FlaskClient, services: Services
) -> None:
    turns = (Turn("H\u00e9 \U0001f995\r\n\u2028", "user", "positive", True, "edited"), Turn(""))
    for day in range(3):
        snapshot = commit_batch(
            services, make_received(day, source="app", conversation=turns), make_received(day)
        )
    expected = in_order(get(client, limit=100)["contributions"])
    assert len(expected) == 6
    assert all(row.keys() <= ALWAYS_PRESENT for row in expected)
    for parameters in ({}, {"limit": 100}):
        for media_type in (JSON, *STREAMS):
            response = client.get(URL, query_string=parameters, headers={"Accept": media_type})
            assert response.status_code == 200
            assert response.mimetype == media_type
            assert response.headers[SNAPSHOT_HEADER] == str(snapshot.snapshot_id)
            # Rows in columns have all columns, rows in JSON those that are filled.
            assert _filled(in_order(rows_of(media_type, response.data))) == expected


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _filled(part)
            for name, part in value.items()
            if part is not None or name in ALWAYS_PRESENT
        }
    return [_filled(part) for part in value] if isinstance(value, list) else value


@pytest.mark.usefixtures("two_contributions")
@pytest.mark.parametrize("media_type", [JSON, *STREAMS])
@pytest.mark.parametrize("page", [{}, {"limit": 10}])
def test_any_form_can_have_some_of_the_columns_in_any_order(
    shared_client: FlaskClient, media_type: str, page: dict[str, int]
) -> None:
    response = shared_client.get(
        URL,
        query_string={"fields": "source,agent_id,source", "role": "user", **page},
        headers={"Accept": media_type},
    )
    found = rows_of(media_type, response.data, ["source", "agent_id"])
    assert [list(row.items()) for row in found] == [
        [("source", "app"), ("agent_id", "test-agent")],
        [("source", None), ("agent_id", "test-agent")],
    ]


@pytest.mark.parametrize("fields", ["", "nothing", "source,Source", "conversation.content", ","])
def test_columns_that_do_not_exist_are_refused(shared_client: FlaskClient, fields: str) -> None:
    response = shared_client.get(URL, query_string={"fields": fields})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["fields"]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        ("application/json; charset=utf-8", JSON),
        ("APPLICATION/JSON", JSON),
        (f"{NDJSON}; charset=utf-8, text/html", NDJSON),
        (f"{NDJSON};q=0.2, {JSON};q=0.9", JSON),
        (f"{NDJSON};q=0.9, {JSON};q=0.2", NDJSON),
        (f"{ARROW_STREAM}, {JSON};q=0.9", ARROW_STREAM),
        (f"{PARQUET};q=1.0, */*;q=0.1", PARQUET),
        (f"text/html, {PARQUET};q=0.1", PARQUET),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        (f"{JSON};q=0, */*", NDJSON),
        (f"{CSV}; header=present", CSV),
        ("text/*;q=0.5", CSV),
    ],
)
def test_the_format_is_the_one_that_accept_prefers(
    shared_client: FlaskClient,
    two_contributions: list[Contribution],
    accept: str | None,
    answered: str,
) -> None:
    response = shared_client.get(URL, headers={} if accept is None else {"Accept": accept})
    assert response.status_code == 200
    assert response.mimetype == answered
    assert len(rows_of(answered, response.data)) == len(two_contributions)


@pytest.mark.parametrize(
    "accept", ["text/html", f"{JSON};q=0", "image/*", "text/*;q=0", "nonsense"]
)
def test_a_form_that_is_not_offered_is_refused_with_those_that_are(
    shared_client: FlaskClient, accept: str
) -> None:
    response = shared_client.get(URL, headers={"Accept": accept})
    assert response.status_code == 406
    for media_type in (JSON, *STREAMS):
        assert media_type in response.get_json()["message"]
