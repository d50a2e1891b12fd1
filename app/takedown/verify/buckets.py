"""Searching a folder of a bucket: every version of every object, removed ones too."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from app.settings import Settings
from app.state.s3 import s3_client
from app.takedown.verify.search import Search

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_UNKNOWN: Final = "NotImplemented"
_GONE: Final = frozenset({"NoSuchKey", "NoSuchVersion"})


def search_bucket(search: Search, url: str, settings: Settings) -> None:
    """Search all objects below a URL, such as `s3://bucket/folder`."""
    parts = urlsplit(url)
    prefix = f"{parts.path.strip('/')}/".lstrip("/")
    client = s3_client(settings, settings.s3_endpoint)
    try:
        for key, version in _versions(client, parts.netloc, prefix):
            place = f"s3://{parts.netloc}/{key}"
            if "VersionId" in version:
                place += f" (version {version['VersionId']})"
            try:
                answer = client.get_object(Bucket=parts.netloc, Key=key, **version)
                with answer["Body"] as body:
                    search.anything(place, body.read())
            except ClientError as error:
                # What is removed meanwhile holds nothing.
                if error.response["Error"]["Code"] not in _GONE:
                    search.cannot_open(place, str(error))
    except (BotoCoreError, ClientError) as error:
        search.cannot_open(url, str(error))


def _versions(client: "S3Client", bucket: str, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the key of every version of the objects below a prefix, with what names the version.

    A server that has no versions has the objects alone.
    """
    try:
        pages = client.get_paginator("list_object_versions")
        return [
            (found["Key"], {"VersionId": found["VersionId"]})
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for found in page.get("Versions", [])
        ]
    except ClientError as error:
        if error.response["Error"]["Code"] != _UNKNOWN:
            raise
    objects = client.get_paginator("list_objects_v2")
    return [
        (found["Key"], {})
        for page in objects.paginate(Bucket=bucket, Prefix=prefix)
        for found in page.get("Contents", [])
    ]
