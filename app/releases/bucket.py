"""The published releases in a bucket: uploaded once, and fetched from there by everyone.

`SHA256SUMS` is uploaded last, and a release is there when it is: whoever sees it sees all.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow.fs import FileSystem, S3FileSystem

from app.releases.errors import BucketUnreachable, ReleaseNotFound
from app.releases.manifest import (
    MANIFEST_FILE,
    SUMS_FILE,
    Manifest,
    decode_manifest,
    decode_sums,
)
from app.releases.recipe import NAMES
from app.releases.store import Download, Method, is_data, media_type_of
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SCHEME: Final = "s3"
_MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_CACHE: Final = "public, max-age=31536000, immutable"
_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 30


class BucketStore:
    """Releases as folders in a bucket."""

    def __init__(self, url: str, settings: Settings) -> None:
        """Publish below a URL such as `s3://bucket/releases`; nothing is asked of it yet."""
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self._settings = settings
        self._known: dict[tuple[str, str], Manifest] = {}

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name.

        A release never changes, so each manifest is fetched once, for as long as its sums are the
        same.
        """
        with _reaching():
            sums = {
                key.removeprefix(self._prefix).partition("/")[0]: etag
                for key, etag in self._listed(self._prefix)
                if key.endswith(f"/{SUMS_FILE}") and key.count("/") == self._prefix.count("/") + 1
            }
            known = {
                (name, etag): self._known.get((name, etag)) or self._manifest(name)
                for name, etag in sorted(sums.items())
                if NAMES.allows(name)
            }
        self._known = known
        return list(known.values())

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release."""
        self._sums(name)
        with _reaching():
            return self._manifest(name)

    def file(self, name: str, path: str, method: Method = "GET") -> Download:
        """Return where a file of a release can be had for a while, by one method."""
        sums = self._sums(name)
        if path != SUMS_FILE and path not in sums:
            raise ReleaseNotFound(name, path)
        url = self._public.generate_presigned_url(
            "get_object" if method == "GET" else "head_object",
            Params={"Bucket": self._bucket, "Key": self._key(name, path)},
            ExpiresIn=self._settings.download_link_s,
        )
        return Download(None, url, media_type_of(path), sums.get(path), is_data(path))

    def has(self, name: str) -> bool:
        """Tell whether anything lies in the folder, be it whole or not."""
        with _reaching():
            return next(self._listed(self._key(name, "")), None) is not None

    def publish(self, folder: Path, name: str) -> None:
        """Upload the folder, the sums last; the folder stays for its maker to remove.

        Raises:
            BucketUnreachable: It failed; what was uploaded is removed, as far as that works.
        """
        files = sorted(each for each in folder.rglob("*") if each.is_file())
        sums = folder / SUMS_FILE
        try:
            with _reaching():
                for file in [each for each in files if each != sums] + [sums]:
                    self._upload(file, self._key(name, file.relative_to(folder).as_posix()))
        except BaseException:
            with suppress(BucketUnreachable):
                self.remove(name)
            raise

    def remove(self, name: str) -> None:
        """Remove the sums first: a release is whole, or not there."""
        with _reaching():
            keys = [key for key, _ in self._listed(self._key(name, ""))]
            sums = self._key(name, SUMS_FILE)
            for key in sorted(keys, key=lambda key: key != sums):
                self._client.delete_object(Bucket=self._bucket, Key=key)

    def files(self, name: str) -> tuple[FileSystem, str]:
        """Return the bucket, and the folder's path in it."""
        settings = self._settings
        filesystem = S3FileSystem(
            endpoint_override=settings.s3_endpoint,
            access_key=settings.s3_access_key_id,
            secret_key=settings.s3_secret_access_key,
            region=settings.s3_region,
        )
        return filesystem, f"{self._bucket}/{self._key(name, '')}".rstrip("/")

    def where(self, name: str) -> str:
        """Return the folder's URL."""
        return f"{_SCHEME}://{self._bucket}/{self._prefix}{name}"

    @cached_property
    def _client(self) -> "S3Client":
        return _client(self._settings, self._settings.s3_endpoint)

    @cached_property
    def _public(self) -> "S3Client":
        """A client that signs for where everyone else reaches the bucket; it never calls it."""
        endpoint = self._settings.releases_s3_endpoint or self._settings.s3_endpoint
        return _client(self._settings, endpoint)

    def _key(self, name: str, path: str) -> str:
        return f"{self._prefix}{name}/{path}"

    def _sums(self, name: str) -> dict[str, str]:
        if not NAMES.allows(name):
            raise ReleaseNotFound(name)
        with _reaching():
            try:
                return decode_sums(self._read(name, SUMS_FILE))
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    raise ReleaseNotFound(name) from error
                raise

    def _manifest(self, name: str) -> Manifest:
        return decode_manifest(self._read(name, MANIFEST_FILE))

    def _read(self, name: str, path: str) -> bytes:
        answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name, path))
        with answer["Body"] as body:
            return body.read()

    def _listed(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the keys below a prefix, and their ETags."""
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"], found["ETag"]

    def _upload(self, file: Path, key: str) -> None:
        path = file.name
        shown = {"ContentType": media_type_of(path), "CacheControl": _CACHE}
        if is_data(path):
            shown["ContentDisposition"] = f'attachment; filename="{path}"'
        self._client.upload_file(str(file), self._bucket, key, ExtraArgs=shown)


def _client(settings: Settings, endpoint: str | None) -> "S3Client":
    config = Config(
        signature_version="s3v4",
        # Servers other than AWS's know no checksums in trailers, and no name for each bucket.
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


@contextmanager
def _reaching() -> Iterator[None]:
    """Raise what S3's libraries raise as an error of ours."""
    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error) as error:
        raise BucketUnreachable from error
