import pytest
from flask.testing import FlaskClient

from app import create_app
from app.services import Services
from app.settings import Settings
from tests.app.telemetry.test_metrics import value
from tests.factories import make_submission


def told(client: FlaskClient) -> dict[str, float]:
    """Return the metrics without labels, by name."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = (line.split(" ") for line in response.text.splitlines() if line[0] != "#")
    return {name: float(number) for name, number in lines if "{" not in name}


@pytest.mark.slow
def test_the_depth_of_the_journal_is_that_of_the_request_time(
    client: FlaskClient, services: Services
) -> None:
    assert told(client)["chatlake_journal_contributions"] == 0
    for _ in range(3):
        client.post("/v1/ingest/chat", json=make_submission())
    deep = told(client)
    assert deep["chatlake_journal_contributions"] == 3
    assert deep["chatlake_journal_entries"] == 3
    assert deep["chatlake_journal_bytes"] > 100
    assert deep["chatlake_journal_oldest_age_seconds"] > 0
    services.jobs.committer().drain()
    empty = told(client)
    assert empty["chatlake_journal_contributions"] == 0
    assert empty["chatlake_journal_oldest_age_seconds"] == 0
    assert empty["chatlake_journal_up"] == 1


@pytest.mark.slow
def test_a_commit_changes_the_metrics(client: FlaskClient, services: Services) -> None:
    before = told(client)
    lagged = value("visibility_lag_seconds_count", contribution="oldest")
    for _ in range(2):
        client.post("/v1/ingest/chat", json=make_submission())
    services.jobs.committer().drain()
    after = told(client)
    committed = "chatlake_committed_contributions_total"
    assert after[committed] - before[committed] == 2
    assert after["chatlake_commit_seconds_count"] - before["chatlake_commit_seconds_count"] == 1
    assert value("visibility_lag_seconds_count", contribution="oldest") - lagged == 1
    assert after["chatlake_table_rows"] == 2
    assert after["chatlake_table_data_files"] == 1
    assert after["chatlake_table_live_snapshots"] == 1
    assert after["chatlake_table_data_bytes"] > 1_000


def test_metrics_are_answered_without_the_database(client: FlaskClient, settings: Settings) -> None:
    (settings.home / "chatlake.db").unlink()
    left = told(client)
    assert left["chatlake_journal_up"] == 0
    assert "chatlake_journal_entries" not in left
    assert "chatlake_accepted_contributions_total" in left


@pytest.mark.parametrize(
    ("host", "metrics", "answered"),
    [
        ("127.0.0.1", "auto", True),
        ("::1", "auto", True),
        ("localhost", "auto", True),
        ("0.0.0.0", "auto", False),  # noqa: S104  # nothing listens here
        ("::", "auto", False),
        ("192.0.2.7", "auto", False),
        ("lake.example", "auto", False),
        ("0.0.0.0", "on", True),  # noqa: S104  # nothing listens here
        ("127.0.0.1", "off", False),
    ],
)
def test_metrics_are_answered_on_loopback_or_when_switched_on(
    host: str, metrics: str, answered: bool
) -> None:
    client = create_app(Settings.at("nowhere", host=host, metrics=metrics)).test_client()
    response = client.get("/metrics")
    assert response.status_code == (200 if answered else 404)
    if not answered:
        assert response.get_json() == client.get("/none").get_json()
