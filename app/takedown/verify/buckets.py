"""Searching a folder of a bucket: every version of every object, removed ones too."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from app.settings import Settings
from app.state.s3 import s3_client
from app.takedown.verify.search import Search

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def search_bucket(search: Search, url: str, settings: Settings) -> None:
    """Search all objects below a URL, such as `s3://bucket/folder`."""
    parts = urlsplit(url)
    prefix = f"{parts.path.strip('/')}/".lstrip("/")
    client = s3_client(settings, settings.s3_endpoint)
    try:
        for key, version_id in list(_versions(client, parts.netloc, prefix)):
            place = f"s3://{parts.netloc}/{key} (version {version_id})"
            answer = client.get_object(Bucket=parts.netloc, Key=key, VersionId=version_id)
            with answer["Body"] as body:
                search.anything(place, body.read())
    except (BotoCoreError, ClientError) as error:
        search.cannot_open(url, str(error))


def _versions(client: "S3Client", bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    pages = client.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Versions", []):
            yield found["Key"], found["VersionId"]
