"""No answer may say that a durable contribution wasn't stored."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from app.ingest.journal.idempotency import KeyHolder
from app.services import Services
from tests.factories import make_submission


@pytest.mark.parametrize(
    "failure", [OSError("disk"), OperationalError("SELECT", None, Exception("locked"))]
)
def test_a_wait_that_fails_is_answered_202(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(_: KeyHolder) -> None:
        raise failure

    monkeypatch.setattr(services.ingest.journal, "snapshot_of", fail)
    response = client.post("/v1/ingest/chat", json=make_submission(), headers={"Prefer": "wait=5"})
    assert response.status_code == 202
    assert services.ingest.journal.backlog().entries == 1


def test_a_preference_that_was_passed_over_is_not_called_applied(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.ingest.commit_waiter, "waiting", services.settings.threads)
    response = client.post("/v1/ingest/chat", json=make_submission(), headers={"Prefer": "wait=5"})
    assert response.status_code == 202
    assert "Preference-Applied" not in response.headers
