import hashlib
import json
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.releases.build import build_raw
from app.services import Services
from catalog.table import load_table
from tests.factories import commit_batch, make_received

URL = "/v1/releases"
FILES = f"{URL}/first/files"
DATA = f"{FILES}/data/contributions-00000.parquet"


@pytest.fixture
def folder(services: Services) -> Path:
    """The folder of a release called first."""
    snapshot = commit_batch(services, *(make_received(day) for day in range(3)))
    shelf = services.settings.releases
    build_raw(load_table(services.catalog), snapshot, shelf, "first", "CC-BY-4.0")
    return shelf / "first"


@pytest.fixture
def data(folder: Path) -> bytes:
    """The bytes of its data file."""
    return (folder / "data" / "contributions-00000.parquet").read_bytes()


def download(
    client: FlaskClient, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> TestResponse:
    """Ask for a file; the answer holds its bytes, and the file is closed."""
    return client.open(path, method=method, headers=headers, buffered=True)


def test_a_lake_without_releases_lists_none(client: FlaskClient) -> None:
    assert client.get(URL).get_json() == {"releases": []}
    assert client.get(f"{URL}/first").status_code == 404


def test_a_release_is_described_alike_alone_in_the_list_and_in_its_file(
    client: FlaskClient, folder: Path
) -> None:
    alone = client.get(f"{URL}/first").get_json()
    assert "T" in alone["committed_at"]
    assert client.get(URL).get_json() == {"releases": [alone]}
    written = json.loads((folder / "manifest.json").read_bytes())
    times = [datetime.fromisoformat(each.pop("committed_at")) for each in (alone, written)]
    assert times[0] == times[1]
    assert alone == written
    assert alone["licence"] == "CC-BY-4.0"


def test_a_data_file_is_downloaded_whole_as_an_attachment(client: FlaskClient, data: bytes) -> None:
    response = download(client, DATA)
    assert response.status_code == 200
    assert response.data == data
    assert response.mimetype == "application/vnd.apache.parquet"
    assert "contributions-00000.parquet" in response.headers["Content-Disposition"]
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert pq.read_table(BytesIO(response.data)).num_rows == 3


@pytest.mark.parametrize(
    ("path", "media_type"), [("manifest.json", "application/json"), ("SHA256SUMS", "text/plain")]
)
def test_the_other_files_are_shown_with_their_type(
    client: FlaskClient, folder: Path, path: str, media_type: str
) -> None:
    response = download(client, f"{FILES}/{path}")
    assert response.status_code == 200
    assert response.mimetype == media_type
    assert response.data == (folder / path).read_bytes()
    assert "attachment" not in response.headers.get("Content-Disposition", "")


@pytest.mark.parametrize(
    "path", ["data/contributions-00000.parquet", "manifest.json", "SHA256SUMS"]
)
def test_the_etag_is_the_sha256_and_spares_a_second_download(
    client: FlaskClient, folder: Path, path: str
) -> None:
    first = download(client, f"{FILES}/{path}")
    sha256 = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    assert first.headers["ETag"] == f'"{sha256}"'
    again = download(client, f"{FILES}/{path}", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    other = download(client, f"{FILES}/{path}", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-7", -7, None), ("bytes=5-5", 5, 6)],
)
def test_a_range_resumes_a_download(
    client: FlaskClient, data: bytes, asked: str, start: int, stop: int | None
) -> None:
    response = download(client, DATA, headers={"Range": asked})
    assert response.status_code == 206
    part = data[start:stop]
    assert response.data == part
    first = start if start >= 0 else len(data) + start
    last = first + len(part) - 1
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    assert response.headers["Content-Length"] == str(len(part))


def test_the_parts_of_a_file_make_it_whole(client: FlaskClient, data: bytes) -> None:
    found = b""
    while len(found) < len(data):
        asked = f"bytes={len(found)}-{len(found) + 999}"
        part = download(client, DATA, headers={"Range": asked})
        assert part.status_code == 206
        found += part.data
    assert found == data


def test_a_range_outside_the_file_is_told_its_size(client: FlaskClient, data: bytes) -> None:
    response = download(client, DATA, headers={"Range": f"bytes={len(data)}-"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(data)}"
    assert response.get_json()["code"] == 416


def test_a_range_of_another_version_of_the_file_is_not_mixed_in(
    client: FlaskClient, data: bytes
) -> None:
    ranged = {"Range": "bytes=0-9"}
    etag = download(client, DATA).headers["ETag"]
    assert download(client, DATA, headers={**ranged, "If-Range": etag}).status_code == 206
    whole = download(client, DATA, headers={**ranged, "If-Range": '"other"'})
    assert whole.status_code == 200
    assert whole.data == data


def test_a_head_tells_the_size_without_the_file(client: FlaskClient, data: bytes) -> None:
    response = download(client, DATA, method="HEAD")
    assert response.status_code == 200
    assert response.data == b""
    assert response.headers["Content-Length"] == str(len(data))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "path",
    [
        f"{URL}/none",
        f"{URL}/none/files/manifest.json",
        f"{FILES}/none",
        f"{FILES}/data",
        f"{FILES}/data/",
        f"{FILES}/../../chatlake.db",
        f"{FILES}/%2e%2e/%2e%2e/chatlake.db",
        f"{FILES}/..%2f..%2fchatlake.db",
        f"{FILES}//etc/passwd",
        f"{FILES}/%2fetc%2fpasswd",
        f"{FILES}/data/../manifest.json",
        f"{FILES}/manifest.json%00",
        f"{FILES}/..%5c..%5cchatlake.db",
        f"{URL}/../files/chatlake.db",
        f"{URL}/%2e%2e/files/chatlake.db",
        f"{URL}/.lock/files/x",
    ],
)
def test_nothing_but_the_files_of_a_release_can_be_downloaded(
    client: FlaskClient, path: str
) -> None:
    response = client.get(path, follow_redirects=True)
    assert response.status_code == 404
    assert response.get_json()["code"] == 404
