"""Settings: reports."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.group import SettingsGroup


@dataclass(frozen=True, kw_only=True)
class ReportSettings(SettingsGroup):
    """Reports of contributions by readers."""

    heading: ClassVar[str] = "Reports"

    reports_to_quarantine: Annotated[
        int,
        Meta(
            ge=0,
            description="Number of networks whose reports hide a contribution until a moderator "
            "decides; 0 for never",
        ),
    ] = 0
    reports_per_day: Annotated[
        int, Meta(ge=1, description="Reports that count of one network in a day")
    ] = 50
