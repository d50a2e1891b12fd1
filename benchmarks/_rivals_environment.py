"""Virtual environments of the rivals, whose pinned packages differ from the service's."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

_DIGITS = 12


def ensure(name: str) -> Path:
    """Return the Python of an environment in the user's cache, which is made if it isn't there.

    Args:
        name: Name of the environment, whose pins are in `requirements-NAME.txt`.
    """
    requirements = Path(__file__).with_name(f"requirements-{name}.txt")
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:_DIGITS]
    folder = _cache() / "chatlake" / f"{name}-{digest}"
    python = folder / "bin" / "python"
    whole = folder / ".whole"
    if not whole.exists():
        print(f"making the virtual environment {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        install = [*pip, "install", "--require-hashes", "--no-deps"]
        subprocess.run([*install, "--requirement", str(requirements)], check=True)
        whole.touch()
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
