"""A build that is killed leaves no release, and doesn't stand in the way of the next one."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.releases.build import build_raw
from app.releases.shelf import list_releases
from app.services import Services
from catalog.errors import TagNotFound
from catalog.snapshots import Snapshot, tagged_snapshot_id
from catalog.table import load_table

# The process kills itself where it is told; what a build leaves there doesn't depend on luck.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from app.query.reference import Reference
from app.releases import build
from app.services import Services
from app.settings import Settings

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

home, moment = sys.argv[1:]
services = Services(Settings.at(home))
view = services.view(Reference())
if moment == "before the manifest":
    build._write_manifest = die
elif moment == "before the tag":
    build.tag_snapshot = die
progress = die if moment == "in the data" else lambda rows: None
build.build_raw(view.table, view.snapshot, services.settings.releases, "first", "x", progress)
"""
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("moment", ["in the data", "before the manifest", "before the tag"])
def test_a_killed_build_leaves_no_release_and_the_next_one_works(
    services: Services, shelf: Path, snapshot: Snapshot, moment: str
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(services.settings.home), moment]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert [path.suffix for path in shelf.iterdir() if path.is_dir()] == [".building"]
    assert list_releases(shelf) == []
    table = load_table(services.catalog)
    with pytest.raises(TagNotFound):
        tagged_snapshot_id(table, "first")
    manifest = build_raw(table, snapshot, shelf, "first", "x")
    assert list_releases(shelf) == [manifest]
    assert {path.name for path in shelf.iterdir()} == {".lock", "first"}
