from pathlib import Path

import pytest

from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.curation.pipeline.stages import Stages
from app.services import Services
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import watched


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """File that the ids of cleaned rows are appended to."""
    return tmp_path / "seen"


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the rules in the test's own process, which needs no start."""
    monkeypatch.setattr(runner, "start", lambda _: Runner(processes=1))


@pytest.fixture
def stages(services: Services, seen: Path, one_process: None) -> Stages:  # noqa: ARG001
    """Build stages with the rules of `tests.app.curation.watched_rules`."""
    return stages_of(services, watched(seen))
