"""Conditional and partial requests by RFC 9110, in every part of the service."""

from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files

import pytest
from flask.testing import FlaskClient
from werkzeug.http import http_date, parse_date

from app.maps.description import (
    MAP_FILE,
    POINTS_FILE,
    MapDescription,
    MapParameters,
    encode_description,
)
from app.maps.store import MAP_FILES
from app.services import Services
from tests.app.maps.rows import SOURCE
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received

RELEASE = "/v1/releases/first/files/parquet/train-00000.parquet"
MAP = "/maps/first/data/dataset.parquet"
DOCS = "/docs/swagger-ui.css"
KINDS = [RELEASE, MAP, DOCS]
OTHER = '"another"'


@dataclass(frozen=True)
class Served:
    """A file that the service sends, with its URL and its validators."""

    url: str
    content: bytes
    etag: str
    modified: str

    def filled(self, headers: dict[str, str]) -> dict[str, str]:
        """Return headers with the names of validators replaced by those of this file."""
        day = timedelta(days=1)
        modified = parse_date(self.modified)
        assert modified is not None
        known = {
            "ETAG": self.etag,
            "WEAK": f"W/{self.etag}",
            "LISTED": f'"a", {self.etag}, W/"b"',
            "MODIFIED": self.modified,
            "BEFORE": http_date(modified - day),
            "AFTER": http_date(modified + day),
        }
        return {name: known.get(value, value) for name, value in headers.items()}


@pytest.fixture(params=KINDS)
def served(request: pytest.FixtureRequest, services: Services, client: FlaskClient) -> Served:
    """A file of a release, of a map, and of the documentation's page."""
    url: str = request.param
    if url == RELEASE:
        snapshot = commit_batch(services, make_received())
        services.publishing.releases.build(make_recipe(test_percent=0), snapshot)
        file = services.settings.releases / "first" / "parquet" / "train-00000.parquet"
        content = file.read_bytes()
    elif url == MAP:
        folder = services.settings.maps / "first"
        folder.mkdir(parents=True)
        for name in MAP_FILES - {MAP_FILE, POINTS_FILE}:
            (folder / name).touch()
        content = bytes(range(250)) * 4
        description = MapDescription(
            name="first",
            source=SOURCE,
            parameters=MapParameters(),
            rows=0,
            found_rows=0,
            clusters=0,
            versions={},
        )
        (folder / MAP_FILE).write_bytes(encode_description(description))
        (folder / POINTS_FILE).write_bytes(content)
    else:
        content = (files("flask_swagger_ui") / "dist" / "swagger-ui.css").read_bytes()
    whole = client.get(url, buffered=True)
    assert (whole.status_code, whole.data) == (200, content)
    return Served(url, content, whole.headers["ETag"], whole.headers["Last-Modified"])


WHOLE = slice(None)
RANGE = {"Range": "bytes=2-5"}
PART = slice(2, 6)


CASES: list[tuple[dict[str, str], int, slice | None]] = [
    # Ranges that are honoured.
    (RANGE, 206, PART),
    ({"Range": "BYTES=2-5"}, 206, PART),
    ({"Range": "bytes=2-"}, 206, slice(2, None)),
    ({"Range": "bytes=-3"}, 206, slice(-3, None)),
    ({"Range": "bytes=-999999999"}, 206, WHOLE),
    ({"Range": "bytes=5-999999999"}, 206, slice(5, None)),
    # Ranges that are ignored: section 14.2.
    ({"Range": "lines=2-5"}, 200, WHOLE),
    ({"Range": "bytes"}, 200, WHOLE),
    ({"Range": "bytes="}, 200, WHOLE),
    ({"Range": "bytes=a-b"}, 200, WHOLE),
    ({"Range": "bytes=5-2"}, 200, WHOLE),
    ({"Range": "bytes=2"}, 200, WHOLE),
    ({"Range": "bytes=--2"}, 200, WHOLE),
    ({"Range": "bytes=-0"}, 200, WHOLE),
    ({"Range": "bytes=2-5;x"}, 200, WHOLE),
    ({"Range": f"bytes={'9' * 5000}-"}, 200, WHOLE),
    ({"Range": "bytes=0-1,4-5"}, 200, WHOLE),
    ({"Range": "bytes=0-5,4-9"}, 200, WHOLE),
    # If-Range: section 13.1.5.
    ({**RANGE, "If-Range": "ETAG"}, 206, PART),
    ({**RANGE, "If-Range": "MODIFIED"}, 206, PART),
    ({**RANGE, "If-Range": "WEAK"}, 200, WHOLE),
    ({**RANGE, "If-Range": OTHER}, 200, WHOLE),
    ({**RANGE, "If-Range": "BEFORE"}, 200, WHOLE),
    ({**RANGE, "If-Range": "AFTER"}, 200, WHOLE),
    ({**RANGE, "If-Range": "nonsense"}, 200, WHOLE),
    ({"If-Range": OTHER}, 200, WHOLE),
    # If-None-Match, weakly compared, and If-Modified-Since where it is absent.
    ({"If-None-Match": "ETAG"}, 304, None),
    ({"If-None-Match": "WEAK"}, 304, None),
    ({"If-None-Match": "LISTED"}, 304, None),
    ({"If-None-Match": "*"}, 304, None),
    ({"If-None-Match": OTHER}, 200, WHOLE),
    ({"If-None-Match": OTHER, "If-Modified-Since": "AFTER"}, 200, WHOLE),
    ({"If-Modified-Since": "MODIFIED"}, 304, None),
    ({"If-Modified-Since": "AFTER"}, 304, None),
    ({"If-Modified-Since": "BEFORE"}, 200, WHOLE),
    ({"If-Modified-Since": "nonsense"}, 200, WHOLE),
    # Conditions come before the range.
    ({**RANGE, "If-None-Match": "ETAG"}, 304, None),
    ({**RANGE, "If-None-Match": OTHER}, 206, PART),
    ({**RANGE, "If-Match": OTHER}, 412, None),
    ({**RANGE, "If-Match": "ETAG"}, 206, PART),
    # If-Match, strongly compared, and If-Unmodified-Since where it is absent.
    ({"If-Match": "ETAG"}, 200, WHOLE),
    ({"If-Match": "LISTED"}, 200, WHOLE),
    ({"If-Match": "*"}, 200, WHOLE),
    ({"If-Match": "WEAK"}, 412, None),
    ({"If-Match": OTHER}, 412, None),
    ({"If-Match": OTHER, "If-None-Match": "ETAG"}, 412, None),
    ({"If-Match": "ETAG", "If-None-Match": "ETAG"}, 304, None),
    ({"If-Match": "ETAG", "If-Unmodified-Since": "BEFORE"}, 200, WHOLE),
    ({"If-Unmodified-Since": "MODIFIED"}, 200, WHOLE),
    ({"If-Unmodified-Since": "BEFORE"}, 412, None),
    ({"If-Unmodified-Since": "nonsense"}, 200, WHOLE),
    # Ranges outside the file.
    ({"Range": "bytes=999999999-"}, 416, None),
    ({"Range": "bytes=999999998-999999999"}, 416, None),
]
"""Headers of a GET, the status of its answer, and the part of the file that is sent."""


def test_conditions_and_ranges_are_answered_by_rfc_9110(
    client: FlaskClient, served: Served
) -> None:
    size = len(served.content)
    for headers, status, part in CASES:
        answer = client.get(served.url, headers=served.filled(headers), buffered=True)
        assert answer.status_code == status, headers
        if part is not None:
            assert answer.data == served.content[part], headers
            assert answer.headers["Content-Length"] == str(len(answer.data))
            assert answer.headers["Accept-Ranges"] == "bytes"
        if status in {200, 206, 304}:
            assert answer.headers["ETag"] == served.etag
        if status == 206 and part is not None:
            first, stop, _ = part.indices(size)
            assert answer.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{size}"
        else:
            told = f"bytes */{size}" if status == 416 else None
            assert answer.headers.get("Content-Range") == told, headers
        if status == 304:
            assert answer.data == b""
        if status in {412, 416}:
            assert answer.get_json()["code"] == status
            # A cache may not answer other requests with this error.
            assert "Cache-Control" not in answer.headers


def test_a_head_is_answered_like_a_get_of_the_whole_file(
    client: FlaskClient, served: Served
) -> None:
    for headers, status in (
        ({}, 200),
        (RANGE, 200),
        ({"Range": "bytes=999999999-"}, 200),
        ({"If-None-Match": "ETAG"}, 304),
        ({"If-Match": OTHER}, 412),
    ):
        answer = client.head(served.url, headers=served.filled(headers), buffered=True)
        assert (answer.status_code, answer.data) == (status, b""), headers
        assert "Content-Range" not in answer.headers
        if status == 200:
            assert answer.headers["Content-Length"] == str(len(served.content))


def test_the_iceberg_catalog_handles_conditions_in_the_same_way(client: FlaskClient) -> None:
    url = "/iceberg/v1/namespaces/chatlake/tables/contributions"
    etag = client.get(url).headers["ETag"]
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"If-Match": "*"}, 200),
        ({"If-Match": etag}, 200),
        ({"If-Match": etag, "If-None-Match": etag}, 304),
        ({"If-Match": OTHER}, 412),
        ({"Range": "bytes=0-1"}, 200),
    ):
        assert client.get(url, headers=headers).status_code == status, headers
