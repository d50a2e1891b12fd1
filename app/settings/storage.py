"""Settings: where state lies."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Final

from msgspec import Meta
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.settings.errors import PREFIX, SettingsError
from app.settings.group import SettingsGroup
from app.settings.urls import split_url

_FOLDER_SCHEMES: Final = frozenset({"", "file"})
_BUCKET_SCHEMES: Final = frozenset({"s3", "s3a", "s3n", "gs", "hdfs", "abfs", "abfss"})


@dataclass(frozen=True, kw_only=True)
class StorageSettings(SettingsGroup):
    """Where the service keeps its state: the home folder, the databases, the warehouse, S3."""

    heading: ClassVar[str] = "Where state lies"

    home: Annotated[
        Path,
        Meta(description="The one folder that holds all state that isn't placed elsewhere"),
    ]
    database_url: Annotated[
        str,
        Meta(description="SQLAlchemy URL of the journal and the ledger"),
    ] = field(repr=False)
    catalog_uri: Annotated[str, Meta(description="SQLAlchemy URL of the Iceberg catalog")] = field(
        repr=False
    )
    warehouse: Annotated[str, Meta(description="URL of the folder or bucket for the table's files")]
    s3_endpoint: Annotated[str | None, Meta(description="URL of the S3 server")] = None
    s3_access_key_id: Annotated[str | None, Meta(description="S3 access key")] = None
    s3_secret_access_key: Annotated[str | None, Meta(description="S3 secret; never logged")] = (
        field(default=None, repr=False)
    )
    s3_region: Annotated[str | None, Meta(description="S3 region")] = None

    def check(self) -> None:
        """Check that URLs of databases, of the warehouse and of the S3 server are such."""
        for name, url in (("DATABASE_URL", self.database_url), ("CATALOG_URI", self.catalog_uri)):
            try:
                make_url(url)
            except (ArgumentError, ValueError):
                # It may hold a password, so it isn't shown.
                raise SettingsError(PREFIX + name, "not the URL of a database") from None
        example = "file:///srv/chatlake/warehouse or s3://bucket/warehouse"
        parts = split_url("WAREHOUSE", self.warehouse, example)
        has_place = parts.path if parts.scheme in _FOLDER_SCHEMES else parts.netloc
        if parts.scheme not in _FOLDER_SCHEMES | _BUCKET_SCHEMES or not has_place:
            raise SettingsError(f"{PREFIX}WAREHOUSE", f"not a URL such as {example}")
        split_url("S3_ENDPOINT", self.s3_endpoint or "", "http://127.0.0.1:9000")

    @property
    def releases(self) -> Path:
        """The folder of published releases; with a bucket, releases are only built in it."""
        return self.home / "releases"

    @property
    def maps(self) -> Path:
        """The folder of maps."""
        return self.home / "maps"

    @property
    def outcomes(self) -> Path:
        """The folder of what builds of stages found when they compared texts."""
        return self.home / "outcomes"

    @property
    def text_index(self) -> Path:
        """The folder of this node's index of texts, which can be removed at any time."""
        return self.home / "text-index"

    @property
    def catalog_properties(self) -> dict[str, str]:
        """Pyiceberg's properties to reach the warehouse, including the S3 secret."""
        s3 = {
            "s3.endpoint": self.s3_endpoint,
            "s3.access-key-id": self.s3_access_key_id,
            "s3.secret-access-key": self.s3_secret_access_key,
            "s3.region": self.s3_region,
            # Servers other than AWS's often have no DNS name for each bucket.
            "s3.force-virtual-addressing": "false" if self.s3_endpoint else None,
        }
        return {name: value for name, value in s3.items() if value is not None}
