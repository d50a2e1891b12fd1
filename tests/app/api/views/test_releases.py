import hashlib
import json
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.access.roles import Role
from app.releases.publications import HubPublication
from app.services import Services
from app.settings import Settings
from tests.app.releases.factories import (
    PresetStages,
    make_old_release,
    make_recipe,
    make_row,
    releases_of,
)
from tests.factories import commit_batch, make_received
from tests.lakes import opened_app

URL = "/v1/releases"
FILES = f"{URL}/first/files"
DATA = f"{FILES}/parquet/train-00000.parquet"


@pytest.fixture(scope="module")
def folder(shared_services: Services) -> Path:
    """The folder of a release called first, which is the only one of the shared lake."""
    snapshot = commit_batch(shared_services, *(make_received(day) for day in range(3)))
    shared_services.publishing.releases.build(make_recipe(test_percent=0), snapshot)
    return shared_services.settings.releases / "first"


@pytest.fixture
def data(folder: Path) -> bytes:
    """The bytes of its data file."""
    return (folder / "parquet" / "train-00000.parquet").read_bytes()


def download(
    client: FlaskClient, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> TestResponse:
    """Return the answer to a download, read completely so that the file is closed."""
    return client.open(path, method=method, headers=headers, buffered=True)


def test_a_lake_without_releases_lists_none(client: FlaskClient) -> None:
    assert client.get(URL).get_json() == {"releases": []}
    assert client.get(f"{URL}/first").status_code == 404


def test_the_description_of_a_release_is_the_same_in_all_places(
    shared_client: FlaskClient, folder: Path
) -> None:
    alone = shared_client.get(f"{URL}/first").get_json()
    assert "T" in alone["committed_at"]
    assert shared_client.get(URL).get_json() == {"releases": [alone]}
    written = json.loads((folder / "manifest.json").read_bytes())
    times = [datetime.fromisoformat(each.pop("committed_at")) for each in (alone, written)]
    assert times[0] == times[1]
    assert alone == written
    assert alone["licence"] == "CC-BY-4.0"


def test_a_data_file_is_downloaded_whole_as_an_attachment(
    shared_client: FlaskClient, data: bytes
) -> None:
    response = download(shared_client, DATA)
    assert response.status_code == 200
    assert response.data == data
    assert response.mimetype == "application/vnd.apache.parquet"
    assert "train-00000.parquet" in response.headers["Content-Disposition"]
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert pq.read_table(BytesIO(response.data)).num_rows == 3


@pytest.mark.parametrize(
    ("path", "media_type"), [("manifest.json", "application/json"), ("SHA256SUMS", "text/plain")]
)
def test_the_other_files_are_shown_with_their_type(
    shared_client: FlaskClient, folder: Path, path: str, media_type: str
) -> None:
    response = download(shared_client, f"{FILES}/{path}")
    assert response.status_code == 200
    assert response.mimetype == media_type
    assert response.data == (folder / path).read_bytes()
    assert "attachment" not in response.headers.get("Content-Disposition", "")


@pytest.mark.parametrize("path", ["parquet/train-00000.parquet", "manifest.json", "SHA256SUMS"])
def test_the_etag_is_the_sha256_and_spares_a_second_download(
    shared_client: FlaskClient, folder: Path, path: str
) -> None:
    first = download(shared_client, f"{FILES}/{path}")
    sha256 = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    assert first.headers["ETag"] == f'"{sha256}"'
    again = download(
        shared_client, f"{FILES}/{path}", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304
    assert again.data == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    other = download(shared_client, f"{FILES}/{path}", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-7", -7, None), ("bytes=5-5", 5, 6)],
)
def test_a_range_resumes_a_download(
    shared_client: FlaskClient, data: bytes, asked: str, start: int, stop: int | None
) -> None:
    response = download(shared_client, DATA, headers={"Range": asked})
    assert response.status_code == 206
    part = data[start:stop]
    assert response.data == part
    first = start if start >= 0 else len(data) + start
    last = first + len(part) - 1
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    assert response.headers["Content-Length"] == str(len(part))


def test_the_parts_of_a_file_make_it_whole(shared_client: FlaskClient, data: bytes) -> None:
    found = b""
    while len(found) < len(data):
        asked = f"bytes={len(found)}-{len(found) + 999}"
        part = download(shared_client, DATA, headers={"Range": asked})
        assert part.status_code == 206
        found += part.data
    assert found == data


def test_a_range_outside_the_file_is_416_with_the_size(
    shared_client: FlaskClient, data: bytes
) -> None:
    response = download(shared_client, DATA, headers={"Range": f"bytes={len(data)}-"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(data)}"
    assert response.get_json()["code"] == 416


def test_a_range_of_another_version_of_the_file_is_not_mixed_in(
    shared_client: FlaskClient, data: bytes
) -> None:
    ranged = {"Range": "bytes=0-9"}
    etag = download(shared_client, DATA).headers["ETag"]
    assert download(shared_client, DATA, headers={**ranged, "If-Range": etag}).status_code == 206
    whole = download(shared_client, DATA, headers={**ranged, "If-Range": '"other"'})
    assert whole.status_code == 200
    assert whole.data == data


def test_a_head_tells_the_size_without_the_file(shared_client: FlaskClient, data: bytes) -> None:
    response = download(shared_client, DATA, method="HEAD")
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
        f"{FILES}/parquet",
        f"{FILES}/parquet/",
        f"{FILES}/../../chatlake.db",
        f"{FILES}/%2e%2e/%2e%2e/chatlake.db",
        f"{FILES}/..%2f..%2fchatlake.db",
        f"{FILES}//etc/passwd",
        f"{FILES}/%2fetc%2fpasswd",
        f"{FILES}/parquet/../manifest.json",
        f"{FILES}/manifest.json%00",
        f"{FILES}/..%5c..%5cchatlake.db",
        f"{URL}/../files/chatlake.db",
        f"{URL}/%2e%2e/files/chatlake.db",
        f"{URL}/.lock/files/x",
    ],
)
def test_nothing_but_the_files_of_a_release_can_be_downloaded(
    shared_client: FlaskClient, path: str
) -> None:
    response = shared_client.get(path, follow_redirects=True)
    assert response.status_code == 404
    assert response.get_json()["code"] == 404


def test_a_release_of_the_older_layout_is_listed_and_downloaded(
    client: FlaskClient, services: Services
) -> None:
    data = make_old_release(services.settings.releases, "old")
    (listed,) = client.get(URL).get_json()["releases"]
    assert listed == client.get(f"{URL}/old").get_json()
    assert (listed["rows"], listed["credited"], listed["splits"]) == (3000, None, {})
    path = listed["files"][0]["path"]
    assert download(client, f"{URL}/old/files/{path}").data == data
    assert client.get(f"{URL}/old/status").get_json()["state"] == "published"


@pytest.mark.slow
def test_the_status_has_the_state_of_a_release(client: FlaskClient, services: Services) -> None:
    snapshot = commit_batch(services, make_received(), make_received())
    seen: list[dict[str, object]] = []

    class StatusRequests:
        """Requests the status at each step of a build."""

        def step(self, _step: str, _total: int | None) -> None:
            """Request the status, which still shows the step before this one."""
            seen.append(client.get(f"{URL}/first/status").get_json())

        def advance(self, _rows: int) -> None:
            """Request nothing."""

    releases = releases_of(services, PresetStages(services.catalog, [make_row(1)]))
    releases.build(make_recipe(stage="curated"), snapshot, StatusRequests())
    assert [(each["state"], each["step"]) for each in seen] == [
        ("building", "wait"),
        ("building", "wait"),
        ("building", "stage"),
        ("building", "rows"),
    ]
    assert seen[2]["rows_total"] == 4
    status = client.get(f"{URL}/first/status").get_json()
    assert (status["state"], status["step"], status["rows_done"]) == ("published", "done", 1)
    assert status["stage"] == "curated"
    assert status["started_at"] <= status["ended_at"] <= status["updated_at"]
    services.publishing.releases.remove("first")
    assert client.get(f"{URL}/first/status").get_json()["state"] == "removed"
    assert client.get(f"{URL}/first").status_code == 404
    assert client.get(f"{URL}/none/status").status_code == 404


@pytest.fixture
def two_releases(services: Services) -> list[str]:
    """The ids of the contributions that only the second of two releases has."""
    first = commit_batch(services, make_received())
    services.publishing.releases.build(make_recipe("before"), first)
    added = [make_received(day) for day in range(3)]
    services.publishing.releases.build(make_recipe("after"), commit_batch(services, *added))
    return sorted(each.contribution_id for each in added)


@pytest.mark.slow
def test_a_diff_tells_counts_of_all_and_the_first_rows(
    client: FlaskClient, two_releases: list[str]
) -> None:
    diff = client.get(f"{URL}/before/diff/after?limit=2").get_json()
    assert diff == {
        "before": "before",
        "after": "after",
        "before_revision": 1,
        "after_revision": 1,
        "stage": "raw",
        "added": 3,
        "removed": 0,
        "changed": 0,
        "total": 3,
        "rows": [{"contribution_id": each, "change": "added"} for each in two_releases[:2]],
        "rows_truncated": True,
    }
    assert not client.get(f"{URL}/before/diff/after").get_json()["rows_truncated"]


@pytest.mark.slow
@pytest.mark.usefixtures("two_releases")
def test_a_diff_that_makes_no_sense_is_refused(client: FlaskClient, services: Services) -> None:
    assert client.get(f"{URL}/before/diff/none").status_code == 404
    for query in ("limit=0", "limit=1001", "limit=x", "limits=1"):
        assert client.get(f"{URL}/before/diff/after?{query}").status_code == 422
    snapshot = commit_batch(services, make_received())
    stages = PresetStages(services.catalog, [make_row(1)])
    releases_of(services, stages).build(make_recipe("cleaned", "cleaned"), snapshot)
    response = client.get(f"{URL}/before/diff/cleaned")
    assert response.status_code == 422
    assert response.get_json()["errors"] == {"other": ["Must be a release of stage raw."]}


@pytest.mark.slow
def test_of_a_gated_release_strangers_see_the_name_alone(
    services: Services, client: FlaskClient
) -> None:
    services.access.gates.close("release", "first", "read")
    snapshot = commit_batch(services, make_received())
    for name in ("first", "second"):
        services.publishing.releases.build(make_recipe(name), snapshot)
    listed = client.get("/v1/releases")
    assert [found["name"] for found in listed.get_json()["releases"]] == ["second"]
    assert listed.get_json()["gated"] == ["first"]
    assert listed.headers["Cache-Control"] == "private, no-cache"
    for path in ("", "/status", "/files/SHA256SUMS", "/files/README.md", "/diff/second"):
        assert client.get(f"/v1/releases/first{path}").status_code == 401, path
    assert client.get("/v1/releases/second/diff/first").status_code == 401
    assert client.get("/v1/releases/second").status_code == 200


@pytest.mark.slow
def test_a_key_with_the_role_of_the_gate_opens_it(services: Services, client: FlaskClient) -> None:
    services.access.gates.close("release", "first", "moderate")
    services.publishing.releases.build(
        make_recipe("first"), commit_batch(services, make_received())
    )
    statuses: dict[Role, int] = {"moderate": 200, "operate": 200, "read": 403}
    for role, status in statuses.items():
        key = {"Authorization": f"Bearer {services.access.keys.create(role, role)}"}
        assert client.get("/v1/releases/first", headers=key).status_code == status, role
        listed = client.get("/v1/releases", headers=key).get_json()
        assert listed.get("gated") == (None if status == 200 else ["first"]), role


@pytest.mark.slow
def test_a_raw_release_needs_a_key_while_the_raw_table_does(
    services: Services, settings: Settings
) -> None:
    snapshot = commit_batch(services, make_received())
    services.publishing.releases.build(make_recipe("first"), snapshot)
    with opened_app(replace(settings, raw_access="keys")) as closed:
        client = closed.test_client()
        assert client.get("/v1/releases").json == {"releases": [], "gated": ["first"]}
        assert client.get("/v1/releases/first/files/SHA256SUMS").status_code == 401
        assert client.get("/v1/releases/none").status_code == 404


def test_repositories_of_the_hub_are_told_to_those_who_may_load_from_them(
    client: FlaskClient, services: Services
) -> None:
    services.publishing.releases.build(make_recipe(), commit_batch(services, make_received()))
    publications = services.publishing.releases.publications
    public = HubPublication(
        repository="org/public",
        release="first",
        hub_url="https://huggingface.co",
        access="public",
        revision=1,
        commit_id="3f1c",
    )
    gated = replace(public, repository="org/gated", access="gated")
    for complete in (public, gated, replace(public, repository="org/private", access="private")):
        publications.begin(complete)
        publications.complete(complete)
    publications.begin(replace(public, repository="org/begun"))
    told = client.get(f"{URL}/first").get_json()["hub"]
    assert [each["repository"] for each in told] == ["org/gated", "org/public"]
    assert told[0] | {"published_at": None} == {
        "repository": "org/gated",
        "url": "https://huggingface.co/datasets/org/gated",
        "access": "gated",
        "revision": 1,
        "commit_id": "3f1c",
        "published_at": None,
    }
    page = client.get("/releases/first").text
    assert 'href="https://huggingface.co/datasets/org/public"' in page
    assert "org/private" not in page
    publications.require("first", 2)
    assert "hub" not in client.get(f"{URL}/first").get_json()
    assert "On the Hub" not in client.get("/releases/first").text
