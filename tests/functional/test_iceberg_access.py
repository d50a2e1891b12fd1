"""The endpoint of S3 that engines get, and the key for reading if the operator has set one."""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import product
from typing import Any

import pytest
import requests
from pyarrow.fs import S3FileSystem
from pyiceberg.catalog.rest import RestCatalog

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import REQUEST_TIMEOUT_S, Server
from tests.servers.cluster import Cluster
from tests.servers.postgres import PASSWORD
from tests.servers.proxy import Proxy
from tests.servers.s3 import (
    BUCKET,
    READER_KEY_ID,
    READER_SECRET_KEY,
    REGION,
    SECRET_ACCESS_KEY,
    VENDED,
)

TABLE = "iceberg/v1/namespaces/chatlake/tables/contributions"
PATHS = (
    "iceberg/v1/config",
    "iceberg/v1/namespaces/chatlake",
    TABLE,
    f"{TABLE}?snapshots=refs",
    f"{TABLE}/credentials",
    f"{TABLE}?snapshots=none",
    "iceberg/v1/nothing",
    "v1/contributions",
    "v1/snapshots",
    "v1/ready",
    "metrics",
    "openapi.json",
)
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    """What the server reaches S3 through."""
    with Proxy(cluster.s3.port) as made:
        yield made


@pytest.fixture
def places(cluster: Cluster, proxy: Proxy) -> dict[str, Any]:
    """A new lake on PostgreSQL and S3."""
    database, warehouse = cluster.postgres.create_database(), cluster.s3.create_prefix()
    return cluster.places_in(database, warehouse, s3_port=proxy.port)


def started(make_server: MakeServer, **settings: Any) -> Server:
    """Return a server whose lake has a contribution."""
    server = make_server(workers=1, **settings)
    server.start()
    assert server.submit(make_submission(), wait_s=30).status_code == HTTPStatus.OK
    return server


def ask(server: Server, path: str, method: str = "GET") -> requests.Response:
    """Return the answer to anyone."""
    return requests.request(method, f"{server.url}/{path}", timeout=REQUEST_TIMEOUT_S)


def configuration(server: Server) -> dict[str, str]:
    """Return what engines are told beside the table."""
    told: dict[str, str] = ask(server, TABLE).json()["config"]
    return told


def test_answers_never_contain_secrets_even_when_s3_is_down(
    make_server: MakeServer, places: dict[str, Any], proxy: Proxy
) -> None:
    server = started(make_server, **places, **VENDED)
    texts = [ask(server, *each).text for each in product(PATHS, ("GET", "POST", "DELETE"))]
    server.submit(make_submission("so that there is metadata that wasn't read yet"), wait_s=30)
    proxy.close_door(UNAVAILABLE)
    failed = ask(server, TABLE)
    assert failed.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert failed.json()["error"]["type"] == "SlowDownException"
    for text in [*texts, failed.text, server.log]:
        assert SECRET_ACCESS_KEY not in text
        assert PASSWORD not in text


def test_engines_get_no_key_unless_one_is_configured(
    make_server: MakeServer, places: dict[str, Any]
) -> None:
    kept = {**VENDED, "iceberg_vend_credentials": False}
    server = started(make_server, **places, **kept)
    assert configuration(server) == {
        "s3.endpoint": places["s3_endpoint"],
        "s3.region": REGION,
        "client.region": REGION,
        "s3.force-virtual-addressing": "false",
        "s3.path-style-access": "true",
    }


def test_the_key_that_engines_are_given_reads_and_does_not_write(
    make_server: MakeServer, places: dict[str, Any], cluster: Cluster
) -> None:
    server = started(make_server, **places, **VENDED, iceberg_s3_endpoint=cluster.s3.url())
    told = configuration(server)
    assert told["s3.endpoint"] == cluster.s3.url()
    assert told["s3.access-key-id"] == READER_KEY_ID
    assert told["s3.secret-access-key"] == READER_SECRET_KEY
    table = RestCatalog("lake", uri=f"{server.url}/iceberg").load_table("chatlake.contributions")
    assert table.scan().to_arrow().num_rows == 1
    theirs = S3FileSystem(
        endpoint_override=told["s3.endpoint"],
        access_key=told["s3.access-key-id"],
        secret_key=told["s3.secret-access-key"],
        region=told["s3.region"],
    )
    path = table.metadata_location.removeprefix("s3://")
    assert path.startswith(f"{BUCKET}/")
    with pytest.raises(OSError, match="ACCESS_DENIED"), theirs.open_output_stream(path) as stream:
        stream.write(b"{}")
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        theirs.delete_file(path)
