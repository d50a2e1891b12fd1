from pathlib import Path

import pytest

from app.curation.pipeline import engine
from app.curation.pipeline.engine import Engine
from app.curation.pipeline.stages import Stages
from app.services import Services
from tests.app.curation.watched_rules import watched


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """Where the ids go that the row functions were given."""
    return tmp_path / "seen"


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row functions run in the test's own process, which needs no start."""
    monkeypatch.setattr(engine, "start", lambda _: Engine(processes=1))


@pytest.fixture
def stages(services: Services, seen: Path, one_process: None) -> Stages:  # noqa: ARG001
    """Stages with the rules of `tests.app.curation.watched_rules`."""
    return Stages(
        services.database, services.catalog, watched(seen), services.versions, services.suppressions
    )
