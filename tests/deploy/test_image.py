import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import pytest

from app.settings import Settings
from app.site.views.guides import GUIDES
from tests.deploy.files import REPOSITORY, dockerfile, image_environment


@contextmanager
def _server(status: int) -> Iterator[int]:
    """Serve one status for the health route alone, and give the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/v1/health/" else 404)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def _health_check(port: int) -> int:
    """Run the image's health check as the engine would, and return its exit code."""
    (check,) = [rest for name, rest in dockerfile() if name == "HEALTHCHECK"]
    python, *arguments = json.loads(check[check.index("[") :])
    assert python == "python"
    environment = {"CHATLAKE_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, stderr=subprocess.DEVNULL, check=False
    ).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_fails_only_for_an_unhealthy_service(status: int, code: int) -> None:
    """A proxy in the environment isn't used."""
    with _server(status) as port:
        assert _health_check(port) == code


def test_health_check_fails_when_nothing_serves() -> None:
    with _server(200) as port:
        pass
    assert _health_check(port) == 1


def test_image_runs_as_a_fixed_user_without_rights() -> None:
    instructions = dockerfile()
    last_stage = max(n for n, (name, _) in enumerate(instructions) if name == "FROM")
    users = [rest for name, rest in instructions[last_stage:] if name == "USER"]
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", users[-1])


def test_image_is_made_from_one_that_is_pinned_to_its_bytes() -> None:
    bases = {rest.split(" AS ")[0] for name, rest in dockerfile() if name == "FROM"}
    (base,) = bases
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)


def test_image_sets_only_settings_that_exist() -> None:
    settings = Settings.from_environment(image_environment())
    assert str(settings.home) in [rest for name, rest in dockerfile() if name == "VOLUME"]
    assert str(settings.port) in [rest for name, rest in dockerfile() if name == "EXPOSE"]


def _context(target: Path) -> None:
    """Copy the files that .dockerignore lets into the image.

    It understands the kinds of lines that the file has, and no others.
    """
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    for rule in rules[1:]:
        source = REPOSITORY / rule.removeprefix("!")
        if fnmatch(rule, "[*][*]/*"):
            continue
        if not rule.startswith("!"):
            shutil.rmtree(target / rule)
        elif source.is_dir():
            shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns("__*__"))
        elif source.exists():
            (target / rule[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / rule[1:])


@pytest.mark.slow
def test_image_holds_all_that_the_service_starts_from(tmp_path: Path) -> None:
    """The migrations run and the server accepts its configuration, without the repository."""
    _context(tmp_path)
    home = tmp_path / "data"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHATLAKE_")}
    environment |= {"CHATLAKE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    for arguments in (
        ["flask", "--app", "wsgi", "migrate"],
        ["gunicorn", "-c", "gunicorn.conf.py", "--check-config", "wsgi:application"],
    ):
        command = [sys.executable, "-m", *arguments]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert any(home.iterdir())
    assert not (tmp_path / "tests").exists()
    assert all((tmp_path / "docs" / f"{name}.md").exists() for name in GUIDES)
