"""Virtual environments of rivals: what they pin differs from what the service runs on."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

_DIGITS = 12


def ensure(name: str) -> Path:
    """Make the environment in the user's cache unless it is there; return its Python.

    Args:
        name: Of the environment, whose pins are in `requirements-NAME.txt`.
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
