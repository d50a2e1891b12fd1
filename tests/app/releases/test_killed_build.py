"""A killed build leaves no release and doesn't hinder the next build."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.query.snapshots import Reference
from app.releases.errors import ReleaseNameTaken
from app.releases.registry import LOST_AFTER
from app.services import Services
from catalog.errors import TagNotFound
from catalog.snapshots import Snapshot
from tests.app.releases.factories import make_recipe

# The process kills itself at a given point, so that what a build leaves doesn't depend on timing.
PROGRAM = """
import os, signal, sys
from app.background.startup import import_libraries
import_libraries()
from app.query.snapshots import Reference
from app.releases import registry
from app.releases.files import folder
from app.releases.stores.folder import FolderStore
from app.services import Services
from app.settings import Settings
from tests.app.releases.factories import CallWhileWriting, make_recipe

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

home, moment = sys.argv[1:]
services = Services(Settings.at(home))
if moment == "before the manifest":
    folder.encode_manifest = die
elif moment == "before the name":
    registry.Build.begin_publishing = die
elif moment == "before the rename":
    FolderStore.publish = die
snapshot = services.reading.snapshots.view(Reference()).snapshot
reporter = CallWhileWriting(die) if moment == "in the data" else None
services.publishing.releases.build(make_recipe(), snapshot, reporter)
"""
ROOT = Path(__file__).parents[3]
MOMENTS = ["in the data", "before the manifest", "before the name", "before the rename"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_build_leaves_no_release_and_the_next_one_works(
    services: Services, releases_folder: Path, snapshot: Snapshot, moment: str
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(services.settings.home), moment]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert [path.suffix for path in releases_folder.iterdir() if path.is_dir()] == [".building"]
    assert services.publishing.releases.all() == []
    if moment != "before the rename":
        with pytest.raises(TagNotFound):
            services.reading.snapshots.find(Reference(tag="first"))
    # Until its heartbeat is too old, it looks like a build that takes long.
    assert services.publishing.releases.status("first").state == "building"
    with pytest.raises(ReleaseNameTaken):
        services.publishing.releases.build(make_recipe(), snapshot)
    services.publishing.releases.registry.now = lambda: datetime.now(UTC) + 2 * LOST_AFTER
    status = services.publishing.releases.status("first")
    assert status.state == "failed"
    assert "without a word" in (status.reason or "")
    manifest = services.publishing.releases.build(make_recipe(), snapshot)
    assert services.publishing.releases.all() == [manifest]
    assert {path.name for path in releases_folder.iterdir()} == {".lock", "first"}
    assert services.reading.snapshots.find(Reference(tag="first")) == snapshot
