"""The store of published releases in an S3 bucket, from where clients download them.

`SHA256SUMS` is uploaded last and removed first: a release is published exactly while it is there.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow.fs import FileSystem, S3FileSystem

from app.releases.errors import BucketUnreachable, ReleaseNotFound
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, Manifest, decode_manifest, decode_sums
from app.releases.recipe import RELEASE_NAMES
from app.releases.stores.interface import (
    CACHED_S,
    Download,
    Method,
    is_data,
    media_type_of,
    missing_file,
)
from app.settings import Settings
from app.state.published_folder import PublishedFolder
from app.state.s3 import abort_uploads, remove_versions, s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SCHEME: Final = "s3"
_MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_CACHE_DATA: Final = f"public, max-age={CACHED_S}"
_CACHE_DESCRIPTIONS: Final = "no-cache"
"""A new revision puts others in their place."""


class BucketStore:
    """Keeps releases as folders in a bucket.

    Attributes:
        folder: The local folder that releases are built in.
    """

    def __init__(self, url: str, settings: Settings, folder: PublishedFolder) -> None:
        """Prepare without connecting to anything.

        Args:
            url: URL of the folder of releases, such as `s3://bucket/releases`.
            settings: Have the credentials and the endpoints of the bucket.
            folder: The local folder that releases are built in.
        """
        self.folder = folder
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self._settings = settings
        self._known: dict[tuple[str, str], Manifest] = {}

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name.

        Each manifest is fetched once, and kept while its ETag stays the same.
        """
        with _reaching():
            found = dict(self._list(self._prefix))
            etags = {
                name: etag
                for key, etag in found.items()
                for name, _, path in (key.removeprefix(self._prefix).partition("/"),)
                if path == MANIFEST_FILE and self._key(name, SUMS_FILE) in found
            }
            known = {
                (name, etag): self._known.get((name, etag)) or self._manifest(name)
                for name, etag in sorted(etags.items())
                if RELEASE_NAMES.allows(name)
            }
        self._known = known
        return list(known.values())

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release."""
        self._sums(name)
        with _reaching():
            return self._manifest(name)

    def file(self, name: str, path: str, method: Method = "GET") -> Download:
        """Return a link to a file of a release, which works for a limited time and one method."""
        sums = self._sums(name)
        if path != SUMS_FILE and path not in sums:
            raise missing_file(self.find(name), path)
        url = self._link_signer.generate_presigned_url(
            "get_object" if method == "GET" else "head_object",
            Params={"Bucket": self._bucket, "Key": self._key(name, path)},
            ExpiresIn=self._settings.download_link_s,
        )
        return Download(None, url, media_type_of(path), sums.get(path), is_data(path))

    def has(self, name: str) -> bool:
        """Tell whether the bucket has any file of a release."""
        with _reaching():
            return next(self._list(self._key(name, "")), None) is not None

    def publish(self, folder: Path, name: str) -> None:
        """Upload the files of a folder, `SHA256SUMS` last; the folder itself stays.

        Raises:
            BucketUnreachable: The upload failed. Uploaded files are removed if that is possible.
        """
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sums = folder / SUMS_FILE
        try:
            with _reaching():
                for file in [path for path in files if path != sums] + [sums]:
                    self.upload(file, self._key(name, file.relative_to(folder).as_posix()))
        except BaseException:
            with suppress(BucketUnreachable):
                self.remove(name)
            raise

    def remove(self, name: str) -> None:
        """Remove a release with all versions of its objects; it is gone once its sums are."""
        with _reaching():
            keys = [key for key, _ in self._list(self._key(name, ""))]
            sums = self._key(name, SUMS_FILE)
            for key in sorted(keys, key=lambda key: key != sums):
                self._client.delete_object(Bucket=self._bucket, Key=key)
            self._remove_versions(self._key(name, ""), frozenset())

    def revise(self, folder: Path, name: str) -> None:
        """Upload the files of a folder, `manifest.json` last.

        Raises:
            BucketUnreachable: The upload failed; it may be repeated.
        """
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        manifest = folder / MANIFEST_FILE
        with _reaching():
            for file in [path for path in files if path != manifest] + [manifest]:
                self.upload(file, self._key(name, file.relative_to(folder).as_posix()))

    def remove_unlisted(self, name: str) -> None:
        """Remove the objects that `SHA256SUMS` doesn't list, and old versions of the others."""
        listed = {self._key(name, path) for path in (SUMS_FILE, *self._sums(name))}
        with _reaching():
            self._remove_versions(self._key(name, ""), listed)

    def remove_unpublished(self, names: Collection[str]) -> None:
        """Remove the objects of these releases with all their versions, and parts of uploads."""
        with _reaching():
            for name in names:
                prefix = self._key(name, "")
                abort_uploads(self._client, self._bucket, prefix)
                self._remove_versions(prefix, frozenset())

    def filesystem(self, name: str) -> tuple[FileSystem, str]:
        """Return the bucket as Arrow's file system, and the path of a release's folder."""
        settings = self._settings
        filesystem = S3FileSystem(
            endpoint_override=settings.s3_endpoint,
            access_key=settings.s3_access_key_id,
            secret_key=settings.s3_secret_access_key,
            region=settings.s3_region,
        )
        return filesystem, f"{self._bucket}/{self._key(name, '')}".rstrip("/")

    def location(self, name: str) -> str:
        """Return the URL of a release's folder."""
        return f"{_SCHEME}://{self._bucket}/{self._prefix}{name}"

    @cached_property
    def _client(self) -> "S3Client":
        return s3_client(self._settings, self._settings.s3_endpoint)

    @cached_property
    def _link_signer(self) -> "S3Client":
        """A client that only signs links, to the endpoint where readers reach the bucket."""
        endpoint = self._settings.releases_s3_endpoint or self._settings.s3_endpoint
        return s3_client(self._settings, endpoint)

    def _remove_versions(self, prefix: str, kept: Collection[str]) -> None:
        """Remove the objects below a prefix, but of those with some keys the current version."""
        remove_versions(
            self._client,
            self._bucket,
            prefix,
            lambda version: version.is_current and version.key in kept,
        )

    def _key(self, name: str, path: str) -> str:
        return f"{self._prefix}{name}/{path}"

    def _sums(self, name: str) -> dict[str, str]:
        if not RELEASE_NAMES.allows(name):
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

    def _list(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the keys below a prefix, each with its ETag."""
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"], found["ETag"]

    def upload(self, file: Path, key: str) -> None:
        """Upload a file with the headers that it is later downloaded with."""
        headers = {"ContentType": media_type_of(file.name), "CacheControl": _CACHE_DESCRIPTIONS}
        if is_data(file.name):
            headers["CacheControl"] = _CACHE_DATA
            headers["ContentDisposition"] = f'attachment; filename="{file.name}"'
        self._client.upload_file(str(file), self._bucket, key, ExtraArgs=headers)


@contextmanager
def _reaching() -> Iterator[None]:
    """Raise the errors of the S3 libraries as BucketUnreachable."""
    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error) as error:
        raise BucketUnreachable from error
