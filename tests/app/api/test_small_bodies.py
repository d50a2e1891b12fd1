from flask.testing import FlaskClient

from app.api.small_bodies import takes_small_body
from app.api.views import sql
from app.edge import submissions, uploads

RECEIVED_BY_VIEWS_OF_THE_EDGE = {submissions.PATH, uploads.PATH, sql.PATH}
CONTRIBUTION_ID = "01a2078f-240f-72b8-af80-7eba2ba52819"


def test_the_edge_receives_every_body_that_the_document_has(shared_client: FlaskClient) -> None:
    document = shared_client.get("/openapi.json").get_json()
    paths = {
        path.replace("{contribution_id}", CONTRIBUTION_ID)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and "requestBody" in operation
    }
    others = paths - RECEIVED_BY_VIEWS_OF_THE_EDGE
    assert len(others) >= 5
    assert [path for path in sorted(others) if not takes_small_body("POST", path)] == []


def test_no_other_body_is_waited_for() -> None:
    for method, path in (
        ("GET", "/v1/moderation/log"),
        ("POST", "/v1/contributors"),
        ("POST", "/v1/moderation"),
        ("POST", f"/v1/contributions/{CONTRIBUTION_ID}"),
        ("POST", "/iceberg/v1/namespaces"),
    ):
        assert not takes_small_body(method, path)
