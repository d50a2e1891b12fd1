"""Settings: other engines."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.errors import PREFIX, SettingsError
from app.settings.group import SettingsGroup
from app.settings.urls import split_url


@dataclass(frozen=True, kw_only=True)
class EngineSettings(SettingsGroup):
    """How other engines reach the files of the tables."""

    heading: ClassVar[str] = "Other engines"

    iceberg_s3_endpoint: Annotated[
        str | None,
        Meta(
            description="URL by which engines reach the S3 server, if it differs from "
            "`CHATLAKE_S3_ENDPOINT`"
        ),
    ] = None
    iceberg_s3_access_key_id: Annotated[
        str | None, Meta(description="Read-only S3 access key for engines")
    ] = None
    iceberg_s3_secret_access_key: Annotated[
        str | None,
        Meta(
            description="Secret of the engines' key; shown only with "
            "`CHATLAKE_ICEBERG_VEND_CREDENTIALS`"
        ),
    ] = field(default=None, repr=False)
    iceberg_vend_credentials: Annotated[
        bool,
        Meta(
            description="Give the engines' key and secret to everyone who attaches an engine; "
            "refused under an embargo while the raw table is open"
        ),
    ] = False

    def check(self) -> None:
        """Check the URL of the S3 server, and that the key that is to be given away is set."""
        split_url("ICEBERG_S3_ENDPOINT", self.iceberg_s3_endpoint or "", "https://s3.example.org")
        if not self.iceberg_vend_credentials:
            return
        if self.iceberg_s3_access_key_id is None or self.iceberg_s3_secret_access_key is None:
            raise SettingsError(
                f"{PREFIX}ICEBERG_S3_ACCESS_KEY_ID",
                "it and its secret are to be given away, but not set",
            )
