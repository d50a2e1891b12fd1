"""The rivals' virtual environment: what they pin differs from what the service runs on."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

_REQUIREMENTS = Path(__file__).with_name("requirements-rivals.txt")
_DIGITS = 12


def ensure() -> Path:
    """Make the environment in the user's cache unless it is there; return its Python."""
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:_DIGITS]
    folder = _cache() / "chatlake" / f"rivals-{digest}"
    python = folder / "bin" / "python"
    whole = folder / ".whole"
    if not whole.exists():
        print(f"making a virtual environment for the rivals in {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--requirement", str(_REQUIREMENTS)], check=True)
        whole.touch()
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
