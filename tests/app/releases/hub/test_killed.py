"""Publishing and taking down again come to the same end, wherever a process was killed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.releases.hub.content import ATTRIBUTES_FILE
from app.services import Services
from tests.app.releases.factories import files_in
from tests.app.releases.hub.checks import files_on, holds
from tests.app.releases.hub.conftest import build
from tests.servers.hub import TOKEN, HubServer

TAKEN = (1, 4)
STEP = 31
"""The process is killed after every 31st request; 1 takes minutes, and was tried."""
ROOT = Path(__file__).parents[4]

# One process imports everything. For each request it forks a process, which kills itself after that
# request; a second process then does all of it again.
PROGRAM = """
import os, shutil, signal, sys
from dataclasses import replace
from app.background.startup import import_libraries
import_libraries()
import httpx2
from app.releases.hub import publisher
from app.services import Services
from app.settings import Settings
from tests.app.releases.takedowns.published import ids_of

home, copy, url, token, step, *taken = sys.argv[1:]
settings = replace(Settings.at(home), hub_url=url, hub_token=token)
ids = ids_of(*map(int, taken))

def run(repository, kill_after):
    left = [kill_after]
    send = httpx2.Client.send
    def counted(*args, **kwargs):
        response = send(*args, **kwargs)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return response
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    httpx2.Client.send = counted
    services = Services(settings)
    services.publishing.hub_publisher().publish("raw", repository, "public")
    services.publishing.releases.take_down(ids)
    services.publishing.hub_publisher().update_outdated()
    assert services.publishing.releases.publications.outdated() == []
    services.close()
    os._exit(0)

kills, code = 0, -9
while code == -9:
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    kills += int(step)
    code = run(f"lake/killed-after-{kills}", kills)
    assert code in (0, -9), code
    assert run(f"lake/killed-after-{kills}", 0) == 0, kills
print(kills)
"""


@pytest.mark.slow
def test_a_process_that_is_killed_after_any_request_can_be_followed_by_another(
    services: Services, hub: HubServer, tmp_path: Path
) -> None:
    build(services, "raw")
    home = services.settings.home
    services.close()
    shutil.copytree(home, tmp_path / "copy")
    arguments = home, tmp_path / "copy", hub.url, TOKEN, STEP, *TAKEN
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, *map(str, arguments)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 50
    expected = files_in(home / "releases" / "raw")
    assert len(hub.repositories) == int(ran.stdout) // STEP
    for name, repository in hub.repositories.items():
        assert files_on(repository) == expected, name
        assert repository.tags == {"revision-2": repository.head.commit_id}, name
        assert repository.head.parent is None, name
        assert not repository.is_private, name
        assert not holds(repository, *TAKEN), name
        kept_by_lfs = {entry.sha256 for entry in repository.head.tree.values()} - {None}
        assert set(repository.objects) == kept_by_lfs, name
        assert ATTRIBUTES_FILE in repository.head.tree, name
