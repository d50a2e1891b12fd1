import hashlib
import os
import signal
import zipfile
from pathlib import Path

import pytest

from tests.scripts.checkout import Checkout, finished, write_script

ENVIRONMENT = "environment requirements.txt; "


def _wheel(folder: Path) -> Path:
    """Write the smallest package that pip installs: one module, `probe`."""
    path = folder / "probe-1.0-py3-none-any.whl"
    info = "probe-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("probe.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.mark.slow
def test_environment_is_made_once_and_follows_its_requirements(checkout: Checkout) -> None:
    """One environment serves the whole story, since making it takes seconds."""
    write_script(checkout.venv / "bin" / "python", "")  # a start that was killed left this behind
    (checkout.venv / "pyvenv.cfg").touch()
    starts = [checkout.shell(ENVIRONMENT + "command -v python") for _ in range(2)]
    results = [finished(start) for start in starts]
    python = str(checkout.venv / "bin" / "python")
    assert [result.returncode for result in results] == [0, 0]
    assert [result.stdout.strip() for result in results] == [python, python]
    printed = "".join(result.stderr for result in results)
    assert printed.count("making the virtual environment") == 1
    assert printed.count("installing requirements.txt") == 1

    again = finished(checkout.shell(ENVIRONMENT))
    assert (again.returncode, again.stderr) == (0, ""), "a second start does nothing"

    requirements = checkout.root / "requirements.txt"
    requirements.write_text("no-such-package-anywhere==1.0\n")
    for _ in range(2):  # a failed installation isn't taken for one that was done
        failed = finished(checkout.shell(ENVIRONMENT + "echo started"))
        assert failed.returncode != 0
        assert failed.stdout == ""
        assert "no-such-package-anywhere" in failed.stderr
    requirements.write_text("# nothing\n")  # the failed one may have changed what this once gave
    assert "installing" in finished(checkout.shell(ENVIRONMENT)).stderr

    wheel = _wheel(checkout.root)
    wrong, right = "0" * 64, hashlib.sha256(wheel.read_bytes()).hexdigest()
    for refused in ("", f" --hash=sha256:{wrong}"):  # files that nobody vouches for, or others do
        requirements.write_text(f"probe @ {wheel.as_uri()}{refused}\n")
        failed = finished(checkout.shell(ENVIRONMENT + "echo started"))
        assert (failed.returncode == 0, failed.stdout) == (False, "")
        assert "hash" in failed.stderr.lower()

    requirements.write_text(f"probe @ {wheel.as_uri()} --hash=sha256:{right}\n")
    changed = finished(checkout.shell(ENVIRONMENT + "python -c 'import probe'"))
    assert changed.returncode == 0, changed.stderr
    assert "installing requirements.txt" in changed.stderr


def test_the_lock_ends_before_the_command_starts(ready: Checkout) -> None:
    """A server that runs for months must not keep the next script waiting."""
    (ready.root / "requirements.txt").write_text("# changed\n")
    ready.stub("python")
    left_open = finished(ready.shell(ENVIRONMENT + "exec ls -l /proc/self/fd"))
    assert left_open.returncode == 0
    assert f"{ready.root}\n" not in left_open.stdout


def test_interrupted_making_leaves_nothing(checkout: Checkout, tmp_path: Path) -> None:
    write_script(
        tmp_path / "bin" / "python3.11",
        'case "$*" in *venv*--clear*) mkdir -p .venv/bin; touch .venv/pyvenv.cfg; echo made; '
        "exec sleep 60 ;; esac",
    )
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    start = checkout.shell(ENVIRONMENT, PATH=path)
    assert start.stdout is not None
    assert start.stdout.readline() == "made\n"
    os.killpg(start.pid, signal.SIGTERM)
    assert finished(start).returncode != 0
    assert not checkout.venv.exists()


@pytest.mark.slow
def test_folder_with_anything_else_is_left_alone(checkout: Checkout, tmp_path: Path) -> None:
    precious = tmp_path / "home" / "thesis.txt"
    precious.parent.mkdir()
    precious.touch()
    refused = finished(checkout.shell(ENVIRONMENT, CHATLAKE_VENV=str(precious.parent)))
    assert refused.returncode == 1
    assert "holds something else" in refused.stderr
    assert precious.exists()


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("exit 1", "needs Python 3.11 or newer"),
        ('case "$*" in *ensurepip*) exit 1 ;; esac', "apt-get install python3-venv"),
    ],
    ids=["old or no Python", "no venv module"],
)
def test_a_missing_python_is_an_error_that_names_the_package(
    checkout: Checkout, tmp_path: Path, python: str, said: str
) -> None:
    for name in ("python3.11", "python3"):
        write_script(tmp_path / "bin" / name, python)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    refused = finished(checkout.shell(ENVIRONMENT + "echo started", PATH=path))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert said in refused.stderr
    assert not checkout.venv.exists()
