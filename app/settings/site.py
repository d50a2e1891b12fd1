"""Settings: the site."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.group import SettingsGroup


@dataclass(frozen=True, kw_only=True)
class SiteSettings(SettingsGroup):
    """How the site presents the lake."""

    heading: ClassVar[str] = "The site"

    site_title: Annotated[str, Meta(min_length=1, description="What pages call this lake")] = (
        "chatlake"
    )
    site_file: Annotated[
        Path | None,
        Meta(
            description="File of Markdown that says what this lake is, at the top of its first page"
        ),
    ] = None
