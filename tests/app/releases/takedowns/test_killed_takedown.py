"""A takedown that is killed at any point and repeated comes to the same end."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from app.access.errors import HeldBack
from app.releases.service import Releases
from app.services import Services
from app.settings import Settings
from tests.app.releases.factories import PresetStages, releases_of
from tests.app.releases.takedowns.published import (
    ROWS,
    check_sums,
    contribution,
    id_of,
    ids_of,
    places_of,
    recipe_named,
    rows_in,
    stage_row,
    versioned_bucket,
    without,
)
from tests.factories import commit_batch
from tests.lakes import LakeTemplate
from tests.servers.cluster import Cluster

TAKEN = (1, 4)
STEP = 13
"""The process is killed before every 13th change; 1 takes minutes, and was tried."""
ROOT = Path(__file__).parents[4]

# One process imports everything. For each change of a file it forks a process, which kills itself
# before that change; a second process then repeats the takedown.
PROGRAM = """
import os, shutil, signal, sys
from pathlib import Path
from app.background.startup import import_libraries
import_libraries()
from app.access.visibility.held_back import HeldBackResults
from app.services import Services
from app.settings import Settings
from tests.app.releases.factories import files_in
from tests.app.releases.takedowns.published import ids_of

home, copy, step, *taken = sys.argv[1:]
STEP = int(step)
ids = ids_of(*map(int, taken))

def run(kill_at):
    left = [kill_at]
    def counted(function):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)
        return call
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for name in ("rename", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
    HeldBackResults.add = counted(HeldBackResults.add)
    HeldBackResults.end = counted(HeldBackResults.end)
    services = Services(Settings.at(home))
    services.publishing.releases.take_down(ids)
    services.close()
    os._exit(0)

def restore():
    shutil.rmtree(home)
    shutil.copytree(copy, home)

def result():
    return files_in(Path(home) / "releases")

assert run(0) == 0
expected, kills, code = result(), 1 - STEP, -9
while code == -9:
    restore()
    kills += STEP
    code = run(kills)
    assert code in (0, -9), code
    assert run(0) == 0
    assert result() == expected, kills
print(kills)
"""


def fill(services: Services) -> Releases:
    """Build a raw release and one of pairs."""
    snapshot = commit_batch(services, *map(contribution, range(ROWS)))
    stages = PresetStages(services.catalog, [stage_row(number) for number in range(ROWS)])
    releases = releases_of(services, stages)
    for name in ("raw", "pairs"):
        releases.build(recipe_named(name), snapshot)
    return releases


@pytest.mark.slow
def test_a_takedown_that_is_killed_before_any_change_of_a_file_can_be_repeated(
    services: Services, tmp_path: Path
) -> None:
    fill(services)
    home = services.settings.home
    services.close()
    shutil.copytree(home, tmp_path / "copy")
    arguments = home, tmp_path / "copy", STEP, *TAKEN
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 30
    assert {path.name for path in (home / "releases").iterdir()} == {".lock", "raw", "pairs"}


class Killed(Exception):  # boto3 raises no other kind again that its threads raised
    """Stands for the end of a process."""


@contextmanager
def killed_before_request(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[None]:
    """Raise Killed instead of a request that changes a bucket, counted from 1."""
    client: Any = BaseClient
    send, sent = client._make_api_call, [0]

    def count(self: Any, operation: str, arguments: Any) -> Any:
        if operation in {"PutObject", "DeleteObject", "DeleteObjects"}:
            sent[0] += 1
            if sent[0] == number:
                raise Killed
        return send(self, operation, arguments)

    with monkeypatch.context() as patched:
        patched.setattr(client, "_make_api_call", count)
        yield


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, lake_template: LakeTemplate
) -> Settings:
    """A lake that publishes its releases in a folder, or in a bucket with versioning."""
    if getattr(request, "param", "folder") == "folder":
        return lake_template.copy(tmp_path / "home")
    cluster: Cluster = request.getfixturevalue("cluster")
    return lake_template.copy(tmp_path / "home", **versioned_bucket(cluster))


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize("settings", ["bucket"], indirect=True)
def test_a_takedown_that_is_killed_before_a_request_to_the_bucket_can_be_repeated(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = fill(services)
    before = rows_in(releases.find("raw"), *releases.store.filesystem("raw"))
    kills = 0
    # Each of them goes while the requests of its takedown end at another one.
    numbers = range(0, ROWS, 2)
    for place, number in enumerate(numbers):
        taken = ids_of(number)
        with killed_before_request(monkeypatch, 1 + 5 * place):
            try:
                releases.take_down(taken)
            except Killed:
                kills += 1
                with pytest.raises(HeldBack):
                    releases.find("raw")
        releases.take_down(taken)
        rows = rows_in(releases.find("raw"), *releases.store.filesystem("raw"))
        left = without(before, {id_of(each) for each in numbers[: place + 1]})
        assert {place: of_place for place, of_place in rows.items() if of_place} == left
        assert not places_of(services, number), number
        check_sums(releases, "raw")
    assert kills >= 3
