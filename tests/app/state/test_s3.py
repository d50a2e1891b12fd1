"""Servers without versions of objects; tests of takedowns use one that has them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.stub import Stubber

from app.settings import Settings
from app.state.s3 import abort_uploads, remove_versions, s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


VERSION: Final = {"Key": "a/1", "VersionId": "v1", "IsLatest": False}


def removing(*objects: dict[str, str]) -> dict[str, Any]:
    """Return the request that removes objects or versions of them."""
    return {"Bucket": "bucket", "Delete": {"Objects": list(objects), "Quiet": True}}


@pytest.fixture
def client(tmp_path: Path) -> "S3Client":
    """A client that never connects."""
    keys = {"s3_access_key_id": "x", "s3_secret_access_key": "y", "s3_region": "us-east-1"}
    return s3_client(Settings.at(tmp_path, **keys), None)


@pytest.fixture
def stub(client: "S3Client") -> Iterator[Stubber]:
    """A stub of the client, which expects all of the requests that a test adds."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_without_versions_objects_are_removed(stub: Stubber, client: "S3Client") -> None:
    stub.add_client_error("list_object_versions", "NotImplemented")
    stub.add_response("list_objects_v2", {"Contents": [{"Key": "a/1"}, {"Key": "a/2"}]})
    stub.add_response("delete_objects", {}, removing({"Key": "a/2"}))
    remove_versions(client, "bucket", "a/", lambda version: version.key == "a/1")


def test_versions_are_removed_one_by_one_where_that_is_all_a_server_can(
    stub: Stubber, client: "S3Client"
) -> None:
    stub.add_response("list_object_versions", {"Versions": [VERSION]})
    stub.add_client_error("delete_objects", "NotImplemented")
    stub.add_response("delete_object", {}, {"Bucket": "bucket", "Key": "a/1", "VersionId": "v1"})
    remove_versions(client, "bucket", "a/", lambda _: False)


def test_a_version_that_stays_is_an_error(stub: Stubber, client: "S3Client") -> None:
    stub.add_response("list_object_versions", {"Versions": [VERSION]})
    errors = {"Errors": [{"Key": "a/1", "Code": "AccessDenied", "Message": "no"}]}
    stub.add_response("delete_objects", errors, removing({"Key": "a/1", "VersionId": "v1"}))
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        remove_versions(client, "bucket", "a/", lambda _: False)


def test_without_uploads_in_parts_there_are_none_to_remove(
    stub: Stubber, client: "S3Client"
) -> None:
    stub.add_client_error("list_multipart_uploads", "NotImplemented")
    abort_uploads(client, "bucket", "a/")


def test_another_error_is_raised(stub: Stubber, client: "S3Client") -> None:
    stub.add_client_error("list_object_versions", "AccessDenied")
    with pytest.raises(client.exceptions.ClientError):
        remove_versions(client, "bucket", "a/", lambda _: False)
