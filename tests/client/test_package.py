"""The package as `pip install ./client` makes it, in an environment of its own."""

import subprocess
import sys
import tomllib
import venv
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.client.environment import REPOSITORY
from tests.client.service import Service

PROJECT = tomllib.loads((REPOSITORY / "client" / "pyproject.toml").read_text())["project"]
SUBMITS = """
import sys
import chatlake_client
from chatlake_client import Client, Submission, Turn
assert chatlake_client.__file__.startswith(sys.prefix), chatlake_client.__file__
assert not {"click", "rich", "pyarrow"} & set(sys.modules)
with Client(sys.argv[1]) as client:
    client.submit(Submission(agent_id="a", conversation=[Turn("Hi")]))
"""


def run(*command: object, cwd: Path) -> str:
    """Run a command; return what it printed."""
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which the package is installed from its folder, without a network.

    What the package depends on is that of the tests' environment.
    """
    folder = tmp_path_factory.mktemp("package")
    quietly = ("--quiet", "--no-index", "--no-deps", "--disable-pip-version-check")
    pip = (sys.executable, "-m", "pip")
    run(
        *(*pip, "wheel", *quietly, "--no-build-isolation", "--wheel-dir", folder),
        REPOSITORY / "client",
        cwd=folder,
    )
    venv.create(folder / "venv", with_pip=False)
    (wheel,) = folder.glob("*.whl")
    python = folder / "venv" / "bin" / "python"
    run(*pip, "--python", python, "install", *quietly, wheel, cwd=folder)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # Behind its own packages, so that the client is the one that was installed.
    installed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "tests.pth").write_text("\n".join(installed))
    return folder / "venv"


@pytest.mark.slow
def test_its_command_sends_files(environment: Path, service: Service, folder: Path) -> None:
    (folder / "rows.json").write_text('[{"instruction": "Add 1 and 2.", "output": "3"}]')
    command = environment / "bin" / "chatlake-ingest"
    printed = run(command, "rows.json", "--url", service.url, cwd=folder)
    assert "total: 1 accepted, 0 rejected" in printed
    assert len(service.stored) == 1


@pytest.mark.slow
def test_the_installed_client_submits_and_imports_only_what_it_needs(
    environment: Path, service: Service, folder: Path
) -> None:
    script = folder / "submits.py"
    script.write_text(SUBMITS)
    run(environment / "bin" / "python", script, service.url, cwd=folder)
    assert len(service.stored) == 1
    assert service.encodings == ["zstd"]


@pytest.mark.slow
def test_the_package_is_typed(environment: Path) -> None:
    assert list(environment.glob("lib/python*/site-packages/chatlake_client/py.typed"))


@pytest.mark.slow
def test_the_tests_run_with_versions_that_the_package_takes() -> None:
    extras = PROJECT["optional-dependencies"].values()
    required = map(Requirement, [*PROJECT["dependencies"], *(r for e in extras for r in e)])
    assert [str(r) for r in required if not r.specifier.contains(version(r.name))] == []
