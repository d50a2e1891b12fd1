"""A real S3 server, SeaweedFS, on a loopback port, from the binary of a test requirement."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import requests
from pyarrow.fs import S3FileSystem

from tests.functional.server import eventually
from tests.servers.process import HOST, free_ports, server_folder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import VersioningConfigurationTypeDef

ACCESS_KEY_ID: Final = "chatlake"
SECRET_ACCESS_KEY: Final = "a-secret-that-no-log-may-show"  # noqa: S105  # of a server for tests
REGION: Final = "us-east-1"
READER_KEY_ID: Final = "engines"
READER_SECRET_KEY: Final = "a-secret-for-engines-alone"  # noqa: S105  # the same
VENDED: Final[Mapping[str, Any]] = {
    "iceberg_s3_access_key_id": READER_KEY_ID,
    "iceberg_s3_secret_access_key": READER_SECRET_KEY,
    "iceberg_vend_credentials": True,
}
"""Settings of a lake that gives engines a read-only key."""
BUCKET: Final = "lake"

_BINARY: Final = Path(sys.executable).with_name("weed")
_START_TIMEOUT_S: Final = 60.0
# The server has no setting for the folder of its sockets.
_SOCKETS: Final = Path("/tmp")  # noqa: S108  # only sockets named by this server's ports are removed
_IDENTITIES: Final = {
    "identities": [
        {
            "name": "chatlake",
            "credentials": [{"accessKey": ACCESS_KEY_ID, "secretKey": SECRET_ACCESS_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": READER_KEY_ID,
            "credentials": [{"accessKey": READER_KEY_ID, "secretKey": READER_SECRET_KEY}],
            "actions": [f"Read:{BUCKET}", f"List:{BUCKET}"],
        },
    ]
}


class S3Server:
    """An S3 server with one bucket."""

    def __init__(self, folder: Path) -> None:
        """Start the server, which is ready some seconds later."""
        self._folder = folder
        self._numbers = count()
        self._ports = free_ports(8)
        self.port = self._ports[0]
        identities = folder / "s3.json"
        identities.write_text(json.dumps(_IDENTITIES))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [_BINARY, "-logtostderr", "server", *self._options(identities)],
                # On two cores, a quarter of its processor time is waking threads on the other one.
                env={**os.environ, "GOMAXPROCS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def url(self, port: int | None = None) -> str:
        """Return the server's URL, with the port of a proxy if one is given."""
        return f"http://{HOST}:{port or self.port}"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def wait_until_ready(self) -> None:
        """Wait until the server answers, and create the bucket."""
        eventually("the S3 server is ready", self._is_ready, _START_TIMEOUT_S)
        self.files().create_dir(BUCKET)

    def kill(self) -> None:
        """Kill the server: stopping it would take 20 s, and its files aren't needed any more."""
        self._process.kill()
        self._process.wait()
        for port in self._ports:
            for file in _SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                file.unlink()

    def files(self) -> S3FileSystem:
        """Return Arrow's filesystem of the server."""
        return S3FileSystem(
            endpoint_override=self.url(),
            access_key=ACCESS_KEY_ID,
            secret_key=SECRET_ACCESS_KEY,
            region=REGION,
            allow_bucket_creation=True,
        )

    def create_versioned_bucket(self, name: str) -> str:
        """Return the URL of a bucket that keeps old versions of objects, made if there is none."""
        client = self.client()
        if name not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=name)
            enabled: VersioningConfigurationTypeDef = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration=enabled)
        return f"s3://{name}"

    def client(self) -> "S3Client":
        """Return boto3's client of the server."""
        return boto3.client(
            "s3",
            endpoint_url=self.url(),
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            region_name=REGION,
        )

    def create_prefix(self) -> str:
        """Return the URL of a new, empty folder in the bucket."""
        return f"s3://{BUCKET}/test-{next(self._numbers)}"

    def _options(self, identities: Path) -> list[str]:
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = self._ports
        return [
            *(f"-dir={self._folder}", f"-ip={HOST}", f"-ip.bind={HOST}"),
            *(f"-master.port={master}", f"-master.port.grpc={master_grpc}"),
            *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}", "-volume.max=0"),
            *("-master.volumeSizeLimitMB=256", "-master.volumePreallocate=false"),
            *("-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}"),
            *("-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", f"-s3.config={identities}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
        ]

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return requests.get(f"{self.url()}/healthz", timeout=1).ok
        except requests.RequestException:
            return False


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start an S3 server, yield it before it is ready, and kill it at the end of the block."""
    with server_folder("s3") as folder:
        server = S3Server(folder)
        try:
            yield server
        finally:
            server.kill()
