"""A checkout for each test, whose environment holds stubs of the tools."""

import shutil
from pathlib import Path

import pytest

from tests.scripts.checkout import REPOSITORY, Checkout, finished


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout without an environment."""
    root = tmp_path / "a checkout"
    shutil.copytree(REPOSITORY / "scripts", root / "scripts")
    for name in ("requirements.txt", "requirements-assets.txt", "requirements-dev.txt"):
        (root / name).write_text("# nothing\n")
    return Checkout(root)


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    """A checkout whose environment counts as made and up to date, without any tool."""
    checkout.stub("activate", "")
    stamps = checkout.shell(
        'for file in requirements*.txt; do sha256sum <"$file" >"$(stamp_of "$file")"; done'
    )
    assert finished(stamps).returncode == 0
    return checkout
