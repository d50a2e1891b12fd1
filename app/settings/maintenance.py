"""Settings: maintenance and history."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from app.settings.group import MIB, SettingsGroup


@dataclass(frozen=True, kw_only=True)
class MaintenanceSettings(SettingsGroup):
    """Which snapshots and files stay, and when the others are removed."""

    heading: ClassVar[str] = "Maintenance and history"

    maintenance_interval_s: Annotated[
        float, Meta(gt=0, description="How often snapshots are thinned and small files compacted")
    ] = 60.0
    keep_snapshots: Annotated[
        int, Meta(ge=1, description="Number of newest snapshots that stay live")
    ] = 20
    keep_hourly_snapshots: Annotated[
        int, Meta(ge=0, description="Number of past hours of which the newest snapshot stays live")
    ] = 24
    keep_daily_snapshots: Annotated[
        int, Meta(ge=0, description="Number of past days of which the newest snapshot stays live")
    ] = 14
    keep_stage_snapshots: Annotated[
        int,
        Meta(ge=1, description="Number of newest snapshots of each stage's tables that stay live"),
    ] = 3
    read_grace_s: Annotated[
        int,
        Meta(ge=60, description="How long a read may take; replaced files are kept for as long"),
    ] = 3_600
    takedown_grace_s: Annotated[
        float,
        Meta(
            ge=0,
            le=240,
            description="How long readers may go on opening files from which a takedown has erased "
            "something; then these are removed",
        ),
    ] = 60.0
    compact_file_bytes: Annotated[
        int, Meta(ge=1, description="Size at which a compacted file is full")
    ] = 128 * MIB
    compact_open_day_files: Annotated[
        int,
        Meta(
            ge=2, description="Number of fresh files at which a day that still grows is compacted"
        ),
    ] = 200
    text_index_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of a processor's time in which each node builds its index of texts; "
            "0 for no index",
        ),
    ] = 0.5
    orphan_interval_s: Annotated[float, Meta(gt=0, description="How often orphans are removed")] = (
        3_600.0
    )
    orphan_age_s: Annotated[
        int, Meta(ge=3600, description="Age at which a file that nothing refers to is removed")
    ] = 3 * 86_400
