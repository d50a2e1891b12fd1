from pathlib import Path

import pytest

from app.settings import Settings
from tests.lakes import LakeTemplate


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """Settings of a migrated, empty lake whose readers get no time after an erasure."""
    return lake_template.copy(tmp_path / "home", takedown_grace_s=0)
