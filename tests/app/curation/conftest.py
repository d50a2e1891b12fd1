from collections.abc import Callable
from pathlib import Path

import pytest

from app.curation.stages import Stages
from app.services import Services
from tests.app.curation.rules import watched


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """Where the ids go that the row functions were given."""
    return tmp_path / "seen"


@pytest.fixture
def stages(services: Services, seen: Path) -> Stages:
    """Stages with the rules of `tests.app.curation.rules`."""
    return Stages(services.database, services.catalog, watched(seen), services.superseded)
