from pathlib import Path

import pytest

from app.settings import Settings
from tests.lakes import LakeTemplate


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """Settings that keep few snapshots live and compact early."""
    return lake_template.copy(
        tmp_path / "home",
        keep_snapshots=2,
        keep_hourly_snapshots=0,
        keep_daily_snapshots=0,
        compact_open_day_files=5,
        maintenance_interval_s=0.05,
    )
