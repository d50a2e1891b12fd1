"""Settings: releases."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from app.settings.errors import PREFIX, SettingsError
from app.settings.group import SettingsGroup
from app.settings.urls import split_url

Schedule = Literal["off", "daily", "weekly", "monthly"]
"""How often a release is built automatically."""


@dataclass(frozen=True, kw_only=True)
class ReleaseSettings(SettingsGroup):
    """What releases state, where they are published, and when they are built."""

    heading: ClassVar[str] = "Releases"

    licence: Annotated[
        str, Meta(description="SPDX id of the licence that the manifests of releases state")
    ] = "unknown"
    datasheet: Annotated[
        Path | None,
        Meta(
            description="File of Markdown with the operator's answers to the questions of a "
            "datasheet, which cards of releases show; `scripts/lake datasheet` prints the questions"
        ),
    ] = None
    releases_bucket: Annotated[
        str | None,
        Meta(
            description="Bucket and folder to publish releases in, as `s3://bucket/folder`; unset, "
            "they are published in the home folder"
        ),
    ] = None
    releases_s3_endpoint: Annotated[
        str | None,
        Meta(
            description="URL by which downloads reach the S3 server, if it differs from "
            "`CHATLAKE_S3_ENDPOINT`"
        ),
    ] = None
    download_link_s: Annotated[
        int,
        Meta(
            ge=1, le=604_800, description="How long a download link to a file in the bucket works"
        ),
    ] = 3_600
    schedule_raw: Annotated[
        Schedule, Meta(description="How often a raw release is built automatically")
    ] = "daily"
    schedule_cleaned: Annotated[
        Schedule, Meta(description="How often a cleaned release is built automatically")
    ] = "off"
    schedule_curated: Annotated[
        Schedule, Meta(description="How often a curated release is built automatically")
    ] = "weekly"
    schedule_retry_s: Annotated[
        int,
        Meta(ge=60, description="Time after which a scheduled release that failed is tried again"),
    ] = 3_600

    def check(self) -> None:
        """Check that the bucket of releases is one, and that the URL of its server is."""
        split_url("RELEASES_S3_ENDPOINT", self.releases_s3_endpoint or "", "https://s3.example.org")
        url = self.releases_bucket
        if url is None:
            return
        example = "s3://bucket/releases"
        parts = split_url("RELEASES_BUCKET", url, example)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise SettingsError(f"{PREFIX}RELEASES_BUCKET", f"not a URL such as {example}")
