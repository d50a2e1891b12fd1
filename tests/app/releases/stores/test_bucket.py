"""Releases in a bucket, on a real S3 server."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
import requests
from flask.testing import FlaskClient

from app import create_app
from app.query.snapshots import Reference
from app.releases.errors import BucketUnreachable, ReleaseNameTaken, ReleaseNotFound
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE
from app.releases.stores import bucket
from app.releases.stores.bucket import BucketStore
from app.services import Services, current_services
from app.settings import Settings
from catalog.errors import TagNotFound
from catalog.snapshots import Snapshot
from tests.app.releases.factories import files_in, make_recipe, releases_of
from tests.lakes import LakeTemplate
from tests.servers.cluster import Cluster
from tests.servers.s3 import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

PARQUET = "parquet/train-00000.parquet"


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate, cluster: Cluster) -> Settings:
    """A local lake that publishes its releases in a bucket."""
    return lake_template.copy(
        tmp_path / "home",
        s3_endpoint=cluster.s3.url(),
        s3_access_key_id=ACCESS_KEY_ID,
        s3_secret_access_key=SECRET_ACCESS_KEY,
        s3_region=REGION,
        releases_bucket=f"{cluster.s3.create_prefix()}/releases",
        download_link_s=600,
    )


@pytest.fixture
def published(services: Services, snapshot: Snapshot) -> str:
    """The name of a release in the bucket."""
    services.publishing.releases.build(make_recipe(test_percent=0), snapshot)
    return "first"


def location(
    client: FlaskClient, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> str:
    """Return the URL that a download is redirected to."""
    url = f"/v1/releases/first/files/{path}"
    response = client.open(url, method=method, headers=headers)
    assert response.status_code == 307
    assert response.headers["Cache-Control"] == "no-store"
    assert response.data == b""
    return response.headers["Location"]


@pytest.mark.usefixtures("published")
def test_every_file_is_downloaded_from_the_bucket_with_its_sum(
    services: Services, client: FlaskClient
) -> None:
    listed = client.get("/v1/releases").get_json()["releases"]
    assert [each["name"] for each in listed] == ["first"]
    assert client.get("/v1/releases/first").get_json() == listed[0]
    for line in requests.get(location(client, SUMS_FILE), timeout=10).text.splitlines():
        sha256, path = line.split("  ", 1)
        content = requests.get(location(client, path), timeout=10).content
        assert hashlib.sha256(content).hexdigest() == sha256
    assert list(services.settings.releases.iterdir()) == [services.settings.releases / ".lock"]


@pytest.mark.usefixtures("published")
def test_a_range_and_a_head_request_work_at_the_bucket(client: FlaskClient) -> None:
    url = location(client, PARQUET)
    whole = requests.get(url, timeout=10)
    assert whole.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert "attachment" in whole.headers["Content-Disposition"]
    part = requests.get(url, headers={"Range": "bytes=4-99"}, timeout=10)
    assert (part.status_code, part.content) == (206, whole.content[4:100])
    head = requests.head(location(client, PARQUET, "HEAD"), timeout=10)
    assert head.status_code == 200
    assert head.headers["Content-Length"] == str(len(whole.content))


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions_and_ranges_are_left_to_the_bucket(client: FlaskClient, method: str) -> None:
    for headers in (
        {"Range": "bytes=9999999-"},
        {"Range": "lines=1-2", "If-Range": 'W/"x"'},
        {"If-Match": '"another"'},
        {"If-None-Match": "*"},
    ):
        location(client, PARQUET, method, headers)


@pytest.mark.usefixtures("published")
def test_a_link_works_for_its_file_alone_until_it_expires(
    client: FlaskClient, settings: Settings
) -> None:
    url = location(client, PARQUET)
    assert f"X-Amz-Expires={settings.download_link_s}" in url
    other = url.replace(PARQUET, MANIFEST_FILE)
    assert requests.get(other, timeout=10).status_code == 403


@pytest.mark.usefixtures("published")
def test_links_and_secrets_are_not_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        url = location(client, PARQUET)
        requests.get(url, timeout=10)
    assert "X-Amz-Signature" in url
    assert "X-Amz-Signature" not in caplog.text
    assert SECRET_ACCESS_KEY not in f"{url}{caplog.text}"


def test_a_link_leads_to_where_others_reach_the_bucket(
    settings: Settings, services: Services, snapshot: Snapshot
) -> None:
    services.publishing.releases.build(make_recipe(), snapshot)
    outside = replace(settings, releases_s3_endpoint="https://files.example.org")
    found = releases_of(services, settings=outside).file("first", MANIFEST_FILE)
    assert urlsplit(found.url or "").netloc == "files.example.org"


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("path", ["none", "first/manifest.json", "../first/manifest.json"])
def test_only_the_files_that_a_release_lists_can_be_had(client: FlaskClient, path: str) -> None:
    assert client.get(f"/v1/releases/first/files/{path}").status_code == 404
    assert client.get("/v1/releases/none/files/manifest.json").status_code == 404
    assert client.get("/v1/releases/none").status_code == 404


def fail_upload_at(monkeypatch: pytest.MonkeyPatch, error: BaseException, path: str) -> None:
    """Make an upload fail before one of its files."""
    upload = BucketStore.upload

    def fail(self: BucketStore, file: Path, key: str) -> None:
        if key.endswith(path):
            raise error
        upload(self, file, key)

    monkeypatch.setattr(bucket.BucketStore, "upload", fail)


def test_a_release_is_published_once_its_sums_are_uploaded(
    services: Services, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    fail_upload_at(monkeypatch, Killed(), SUMS_FILE)
    # As after a kill, the uploaded files stay.
    monkeypatch.setattr(BucketStore, "remove", lambda _self, _name: None)
    with pytest.raises(Killed):
        services.publishing.releases.build(make_recipe(), snapshot)
    monkeypatch.undo()
    files, folder = services.publishing.releases.store.filesystem("first")
    assert files.get_file_info(f"{folder}/{MANIFEST_FILE}").is_file
    assert services.publishing.releases.all() == []
    with pytest.raises(ReleaseNotFound):
        services.publishing.releases.find("first")
    with pytest.raises(ReleaseNotFound):
        services.publishing.releases.file("first", MANIFEST_FILE)


@pytest.mark.parametrize("make", [BucketUnreachable, KeyboardInterrupt])
def test_an_upload_that_fails_leaves_nothing(
    services: Services,
    snapshot: Snapshot,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], BaseException],
) -> None:
    error = make()
    with monkeypatch.context() as patched:
        fail_upload_at(patched, error, SUMS_FILE)
        with pytest.raises(type(error)):
            services.publishing.releases.build(make_recipe(), snapshot)
    assert not services.publishing.releases.store.has("first")
    with pytest.raises(TagNotFound):
        services.reading.snapshots.find(Reference(tag="first"))
    assert services.publishing.releases.build(make_recipe(), snapshot).rows == 5


def test_a_bucket_has_the_same_files_as_a_folder_would(
    services: Services, snapshot: Snapshot, tmp_path: Path, published: str
) -> None:
    local = replace(services.settings, releases_bucket=None, home=tmp_path / "local")
    releases_of(services, settings=local).build(make_recipe("other", test_percent=0), snapshot)
    files, folder = services.publishing.releases.store.filesystem(published)
    there = {
        path: files.open_input_file(f"{folder}/{path}").read()
        for path in files_in(local.releases / "other")
    }
    for path, content in files_in(local.releases / "other").items():
        if path != SUMS_FILE:
            assert content.replace(b"other", b"first") == there[path].replace(b"other", b"first")


def test_a_release_in_a_bucket_is_compared_and_removed(
    services: Services, snapshot: Snapshot, published: str
) -> None:
    with pytest.raises(ReleaseNameTaken):
        services.publishing.releases.build(make_recipe(published), snapshot)
    diff = services.publishing.releases.diff(published, published, 10)
    assert (diff.total, diff.rows) == (0, [])
    services.publishing.releases.remove(published)
    assert services.publishing.releases.all() == []
    assert not services.publishing.releases.store.has(published)
    assert services.publishing.releases.status(published).state == "removed"


def test_files_of_a_release_are_read_by_arrow(services: Services, published: str) -> None:
    files, folder = services.publishing.releases.store.filesystem(published)
    assert pq.read_table(f"{folder}/{PARQUET}", filesystem=files).num_rows == 5


def test_a_bucket_that_does_not_answer_is_a_503_that_names_no_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    values: dict[str, Any] = {
        "s3_endpoint": "http://127.0.0.1:1",
        "s3_access_key_id": "x",
        "s3_secret_access_key": "y",
        "s3_region": "us-east-1",
        "releases_bucket": "s3://none/releases",
    }
    app = create_app(Settings.at(tmp_path, **values))
    for path in ("", "/first", "/first/files/manifest.json"):
        response = app.test_client().get(f"/v1/releases{path}")
        assert response.status_code == 503
        assert "127.0.0.1" not in response.get_data(as_text=True)
        assert response.headers["Retry-After"]
    with app.app_context():
        current_services().close()
