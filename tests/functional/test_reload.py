"""A developer's server, which runs the code as it is now."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

import requests

from tests.functional.conftest import MakeServer
from tests.functional.server import ROOT, eventually

FOLDERS: Final = ("app", "catalog", "sandbox", "migrations")
FILES: Final = ("gunicorn.conf.py", "wsgi.py")


def test_new_workers_run_the_changed_code(make_server: MakeServer, tmp_path: Path) -> None:
    root = tmp_path / "code"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, root / folder)
    for file in FILES:
        shutil.copy(ROOT / file, root)
    server = make_server(root=root, workers=1, dev=True)
    server.start()
    before = server.complete()

    # The edge uses this module too, so an arbiter that imports the edge would keep the old one.
    headers = root / "app" / "api" / "headers.py"
    text = headers.read_text()
    headers.write_text(text.replace('"X-Content-Type-Options"', '"X-Changed"'))

    def is_changed() -> bool:
        with suppress(requests.ConnectionError):  # the old worker has ended
            return "X-Changed" in server.get("health/").headers
        return False

    eventually("new code answers", is_changed)
    server.complete(without=before.workers)
    assert "Traceback" not in server.log
