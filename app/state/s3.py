"""S3: connecting to a bucket, and removing objects with all their versions.

In a bucket with versioning, removing or replacing an object leaves its old versions, until each is
removed by its id: https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

from app.settings import Settings
from app.state.parts import in_parts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 30
_REMOVED_AT_ONCE: Final = 1_000
"""The most that one request may remove."""
_UNKNOWN: Final = "NotImplemented"
"""The error of servers that have no versions, or no uploads in parts."""


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """A version of an object, or a marker that it was removed.

    Attributes:
        key: Key of the object.
        version_id: Id of the version; `null` where the bucket has no versioning, and None where the
            server has none.
        is_current: Whether the object has this content now.
    """

    key: str
    version_id: str | None
    is_current: bool


def s3_client(settings: Settings, endpoint: str | None) -> "S3Client":
    """Return a client, which connects when it is first used.

    Args:
        settings: Have the credentials.
        endpoint: URL of the server; None for that of AWS.
    """
    config = Config(
        signature_version="s3v4",
        # Servers other than AWS know neither checksums in trailers nor a host name per bucket.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=settings.s3_secret_access_key,
        region_name=settings.s3_region,
        config=config,
    )


def remove_versions(
    client: "S3Client", bucket: str, prefix: str, is_kept: Callable[[ObjectVersion], bool]
) -> None:
    """Remove versions of the objects below a prefix for good.

    Args:
        client: Connects to the bucket.
        bucket: Name of the bucket.
        prefix: Beginning of the keys.
        is_kept: Tells which versions stay.
    """
    versions = [each for each in _versions(client, bucket, prefix) if not is_kept(each)]
    for some in in_parts(versions, _REMOVED_AT_ONCE):
        _remove(client, bucket, some)


def abort_uploads(client: "S3Client", bucket: str, prefix: str) -> None:
    """Remove the parts of files whose upload to keys below a prefix hasn't ended."""
    pages = client.get_paginator("list_multipart_uploads")
    try:
        uploads = [
            upload
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for upload in page.get("Uploads", [])
        ]
    except ClientError as error:
        if not _is_unknown(error):
            raise
        return
    for upload in uploads:
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


def _remove(client: "S3Client", bucket: str, versions: Sequence[ObjectVersion]) -> None:
    """Remove versions in one request or, where the server refuses it, in one for each.

    Raises:
        ClientError: One of them can't be removed.
    """
    named: list[ObjectIdentifierTypeDef] = [
        {"Key": each.key, "VersionId": each.version_id} if each.version_id else {"Key": each.key}
        for each in versions
    ]
    try:
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
    except ClientError:
        # Servers that lack the request answer it in different ways.
        for each in versions:
            _remove_one(client, bucket, each)
        return
    # The request succeeds when it removes some of them.
    for failed in answer.get("Errors", []):
        code, message = failed.get("Code", ""), failed.get("Message", "")
        raise ClientError({"Error": {"Code": code, "Message": message}}, "DeleteObjects")


def _remove_one(client: "S3Client", bucket: str, version: ObjectVersion) -> None:
    if version.version_id is None:
        client.delete_object(Bucket=bucket, Key=version.key)
    else:
        client.delete_object(Bucket=bucket, Key=version.key, VersionId=version.version_id)


def _versions(client: "S3Client", bucket: str, prefix: str) -> list[ObjectVersion]:
    try:
        return list(_kept_versions(client, bucket, prefix))
    except ClientError as error:
        if not _is_unknown(error):
            raise
    pages = client.get_paginator("list_objects_v2")
    return [
        ObjectVersion(found["Key"], None, is_current=True)
        for page in pages.paginate(Bucket=bucket, Prefix=prefix)
        for found in page.get("Contents", [])
    ]


def _kept_versions(client: "S3Client", bucket: str, prefix: str) -> Iterator[ObjectVersion]:
    pages = client.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Versions", []):
            yield ObjectVersion(found["Key"], found["VersionId"], found["IsLatest"])
        for marker in page.get("DeleteMarkers", []):
            yield ObjectVersion(marker["Key"], marker["VersionId"], is_current=False)


def _is_unknown(error: ClientError) -> bool:
    """Tell whether the server doesn't know the request at all."""
    return error.response["Error"]["Code"] == _UNKNOWN
