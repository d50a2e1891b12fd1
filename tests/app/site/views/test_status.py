from flask.testing import FlaskClient

from app.services import Services
from tests.factories import commit_batch, make_contribution, make_received


def test_only_operators_see_the_status(client: FlaskClient, services: Services) -> None:
    assert client.get("/status").status_code == 401
    reader = services.access.keys.create("reader", "read")
    answer = client.get("/status", headers={"Authorization": f"Bearer {reader}"})
    assert answer.status_code == 403
    assert "data-key-form" in answer.text


def test_the_page_says_what_the_command_says(client: FlaskClient, services: Services) -> None:
    snapshot = commit_batch(services, make_received())
    services.ingest.journal.append(make_contribution())
    headers = {"Authorization": f"Bearer {services.access.keys.create('op', 'operate')}"}
    answer = client.get("/status", headers=headers)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "1 contribution, " in answer.text
    assert str(snapshot.snapshot_id) in answer.text
    assert "<meter" in answer.text
    with services.database.write() as connection:
        connection.exec_driver_sql("DROP TABLE journal")
    lost = client.get("/status", headers=headers)
    assert lost.status_code == 200
    assert "It can't be read" in lost.text
    assert str(snapshot.snapshot_id) in lost.text
