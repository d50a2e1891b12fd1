"""The catalog over HTTP, in the shapes of the Iceberg REST specification."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyiceberg.catalog.rest import (
    ConfigResponse,
    ListNamespaceResponse,
    ListTablesResponse,
    NamespaceResponse,
    TableResponse,
)
from pyiceberg.catalog.rest.response import ErrorResponse, ErrorResponseMessage
from werkzeug.test import TestResponse

from app import create_app
from app.api.iceberg.errors import TYPES
from app.iceberg import errors
from app.services import Services
from app.settings import Settings
from catalog.errors import LakeError
from catalog.metadata.transaction import LakeMetadata
from catalog.snapshots import tag_snapshot
from catalog.stages.builds import replace_files
from catalog.stages.tables import SOURCE_SNAPSHOT_PROPERTY
from catalog.table import load_table
from tests.factories import commit_batch, make_received

URL = "/iceberg/v1"
NAMESPACE = f"{URL}/namespaces/chatlake"
TABLE = f"{NAMESPACE}/tables/contributions"
ALL_WRITES = ("POST", "PUT", "PATCH", "DELETE")


def check_error(response: TestResponse, status: int, kind: str) -> ErrorResponseMessage:
    """Check that an answer is an error in the form of the specification, and return the error."""
    assert response.status_code == status
    assert response.content_type == "application/json"
    error = ErrorResponse.model_validate_json(response.data).error
    assert (error.code, error.type) == (status, kind)
    assert error.message
    return error


def loaded(client: FlaskClient, **query: str) -> TableResponse:
    """Load the table as pyiceberg does."""
    response = client.get(TABLE, query_string=query)
    assert response.status_code == 200
    return TableResponse.model_validate_json(response.data)


@pytest.mark.parametrize("query", [{}, {"warehouse": ""}, {"warehouse": "chatlake"}])
def test_config_lists_the_supported_endpoints(client: FlaskClient, query: dict[str, str]) -> None:
    config = ConfigResponse.model_validate_json(
        client.get(f"{URL}/config", query_string=query).data
    )
    assert config.endpoints
    assert {endpoint.http_method.value for endpoint in config.endpoints} == {"GET", "HEAD"}
    for endpoint in config.endpoints:
        path = endpoint.path.format(prefix="", namespace="chatlake", table="contributions")
        response = client.open(f"/iceberg{path.replace('//', '/')}", method=endpoint.http_method)
        assert response.status_code in {200, 204}, endpoint


def test_engines_are_asked_not_to_report(client: FlaskClient) -> None:
    overrides = client.get(f"{URL}/config").get_json()["overrides"]
    assert overrides == {"rest-metrics-reporting-enabled": "false"}
    assert client.post(f"{TABLE}/metrics", json={"report-type": "scan-report"}).status_code == 204


def test_another_warehouse_is_not_found(client: FlaskClient) -> None:
    response = client.get(f"{URL}/config", query_string={"warehouse": "s3://elsewhere"})
    assert "s3://elsewhere" in check_error(response, 404, "NoSuchWarehouseException").message


def test_there_is_one_namespace_with_the_tables_of_every_stage(client: FlaskClient) -> None:
    namespaces = ListNamespaceResponse.model_validate_json(client.get(f"{URL}/namespaces").data)
    assert namespaces.namespaces == [("chatlake",)]
    assert namespaces.next_page_token is None
    namespace = NamespaceResponse.model_validate_json(client.get(NAMESPACE).data)
    assert namespace.namespace == ("chatlake",)
    tables = ListTablesResponse.model_validate_json(client.get(f"{NAMESPACE}/tables").data)
    assert {identifier.namespace for identifier in tables.identifiers} == {("chatlake",)}
    assert [identifier.name for identifier in tables.identifiers] == [
        "contributions",
        "replaced",
        "cleaned",
        "cleaned_dropped",
        "curated",
        "curated_dropped",
    ]


def test_other_tables_of_the_catalog_are_not_published(
    client: FlaskClient, services: Services
) -> None:
    services.catalog.create_namespace("private")
    services.catalog.create_table("private.notes", load_table(services.catalog).schema())
    assert client.get(f"{URL}/namespaces").get_json() == {"namespaces": [["chatlake"]]}
    response = client.get(f"{URL}/namespaces/private/tables")
    check_error(response, 404, "NoSuchNamespaceException")
    response = client.get(f"{URL}/namespaces/private/tables/notes")
    check_error(response, 404, "NoSuchTableException")


def test_a_namespace_holds_no_other(client: FlaskClient) -> None:
    within = {"parent": "chatlake"}
    assert client.get(f"{URL}/namespaces", query_string=within).get_json() == {"namespaces": []}
    response = client.get(f"{URL}/namespaces", query_string={"parent": "nowhere"})
    check_error(response, 404, "NoSuchNamespaceException")


@pytest.mark.parametrize("path", [f"{URL}/namespaces", f"{NAMESPACE}/tables"])
def test_a_list_is_one_page(client: FlaskClient, path: str) -> None:
    query = {"pageToken": "", "pageSize": "1", "of-a-later-version": "x"}
    assert client.get(path, query_string=query).get_json() == client.get(path).get_json()


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        (f"{URL}/namespaces", "pageSize", "0"),
        (f"{URL}/namespaces", "pageSize", "many"),
        (f"{URL}/namespaces", "pageToken", "made-up"),
        (f"{NAMESPACE}/tables", "pageSize", "-1"),
        (TABLE, "snapshots", "some"),
    ],
)
def test_a_wrong_parameter_is_named(client: FlaskClient, path: str, name: str, value: str) -> None:
    response = client.get(path, query_string={name: value})
    assert name in check_error(response, 400, "BadRequestException").message


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"{URL}/namespaces/nowhere", "NoSuchNamespaceException"),
        (f"{URL}/namespaces/chatlake%1Fwithin", "NoSuchNamespaceException"),
        (f"{URL}/namespaces/nowhere/tables", "NoSuchNamespaceException"),
        (f"{NAMESPACE}/tables/nothing", "NoSuchTableException"),
        (f"{URL}/namespaces/nowhere/tables/contributions", "NoSuchTableException"),
        (f"{NAMESPACE}/views", "NotFoundException"),
        (f"{URL}/nothing", "NotFoundException"),
        ("/iceberg/v2/config", "NotFoundException"),
        (f"{URL}/namespaces/..%2F..%2Fetc", "NotFoundException"),
    ],
)
def test_unknown_namespaces_and_tables_are_not_found(
    client: FlaskClient, path: str, kind: str
) -> None:
    check_error(client.get(path), 404, kind)
    assert client.head(path).status_code == 404


def test_spark_finds_the_table_of_a_metadata_table(client: FlaskClient) -> None:
    """Spark first asks for `contributions.files` as a table, and goes on only after this error."""
    response = client.get(f"{URL}/namespaces/chatlake%1Fcontributions/tables/files")
    check_error(response, 404, "NoSuchTableException")


@pytest.mark.parametrize("path", [f"{URL}/namespaces", NAMESPACE, TABLE, f"{URL}/tables/rename"])
@pytest.mark.parametrize("method", ALL_WRITES)
def test_writes_are_refused(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method, json={})
    assert "read-only" in check_error(response, 403, "ForbiddenException").message


def test_a_method_of_no_route_is_refused_in_the_same_form(client: FlaskClient) -> None:
    response = client.open(TABLE, method="TRACE")
    check_error(response, 405, "UnsupportedOperationException")
    assert "GET" in response.headers["Allow"]


def test_an_empty_table_can_be_loaded(client: FlaskClient, services: Services) -> None:
    table = load_table(services.catalog)
    response = loaded(client)
    assert LakeMetadata.of(response.metadata) == table.metadata
    assert response.metadata_location == table.metadata_location


@pytest.mark.slow
def test_a_table_is_loaded_as_it_is_now(client: FlaskClient, services: Services) -> None:
    for day in range(3):
        commit_batch(services, make_received(day))
        table = load_table(services.catalog)
        response = loaded(client)
        assert LakeMetadata.of(response.metadata) == table.metadata
        assert response.metadata_location == table.metadata_location
        assert len(response.metadata.snapshots) == day + 1


@pytest.mark.parametrize("name", ["cleaned", "cleaned_dropped", "curated", "curated_dropped"])
def test_the_tables_of_a_stage_are_loaded_with_their_snapshots(
    client: FlaskClient, services: Services, name: str
) -> None:
    table = load_table(services.catalog, f"chatlake.{name}")
    for number in range(2):
        replace_files(table, lambda _: False, [], {SOURCE_SNAPSHOT_PROPERTY: str(number)})
        response = client.get(f"{NAMESPACE}/tables/{name}")
        found = TableResponse.model_validate_json(response.data)
        assert LakeMetadata.of(found.metadata) == table.metadata
        assert found.metadata_location == table.metadata_location
        assert len(found.metadata.snapshots) == number + 1
    assert client.head(f"{NAMESPACE}/tables/{name}").status_code == 204


@pytest.mark.slow
def test_only_named_snapshots_are_loaded_when_no_others_are_wanted(
    client: FlaskClient, services: Services
) -> None:
    made = [commit_batch(services, make_received(day)).snapshot_id for day in range(4)]
    tag_snapshot(load_table(services.catalog), "first", made[0])
    everything, named = loaded(client, snapshots="all"), loaded(client, snapshots="refs")
    assert {each.snapshot_id for each in everything.metadata.snapshots} == set(made)
    assert {each.snapshot_id for each in named.metadata.snapshots} == {made[0], made[-1]}
    assert named.metadata.refs == everything.metadata.refs
    assert named.metadata.current_snapshot_id == made[-1]


def test_a_table_that_is_still_the_same_is_not_sent_again(
    client: FlaskClient, services: Services
) -> None:
    commit_batch(services, make_received())
    commit_batch(services, make_received())
    known = {"If-None-Match": client.get(TABLE).headers["ETag"]}
    again = client.get(TABLE, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(TABLE, query_string={"snapshots": "refs"}, headers=known).status_code == 200
    commit_batch(services, make_received())
    assert client.get(TABLE, headers=known).status_code == 200


def test_a_page_of_any_origin_may_attach(client: FlaskClient) -> None:
    response = client.get(f"{URL}/config", headers={"Origin": "https://somewhere.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_missing_table_is_unavailable_with_retry_after(new_settings: Settings) -> None:
    client = create_app(new_settings).test_client()
    response = client.get(TABLE)
    check_error(response, 503, "SlowDownException")
    assert response.headers["Retry-After"]


def test_an_unexpected_error_tells_nothing(app: Flask) -> None:
    def fail() -> str:
        raise RuntimeError("the words of a traceback")

    app.add_url_rule(f"{URL}/fail", "fail", fail)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    error = check_error(app.test_client().get(f"{URL}/fail"), 500, "InternalServerError")
    assert "traceback" not in error.message


def test_every_error_of_the_catalog_has_a_type() -> None:
    raised = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, LakeError)
        and kind.__module__ == errors.__name__
    }
    assert raised == TYPES.keys()
