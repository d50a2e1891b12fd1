import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.scripts.checkout import REPOSITORY

FILES = sorted(
    path.relative_to(REPOSITORY).as_posix().removesuffix(".in")
    for folder in (".", "tests/engines", "benchmarks")
    for path in (REPOSITORY / folder).glob("requirements*.in")
)
SHA256 = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def _requirements(name: str) -> list[Requirement]:
    return [Requirement(entry.partition(" --hash")[0]) for entry in _entries(name)]


def _entries(name: str) -> list[str]:
    """Return the entries of a requirements file, each with its hashes, on one line."""
    text = (REPOSITORY / name).read_text().replace("\\\n", "")
    return [line for line in text.splitlines() if line and line[0].isalnum()]


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_has_a_pin_that_satisfies_it(name: str) -> None:
    pins = {_key(pin): next(iter(pin.specifier)) for pin in _requirements(f"{name}.txt")}
    assert {pin.operator for pin in pins.values()} == {"=="}
    wanted = _requirements(f"{name}.in")
    assert [r.name for r in wanted if _key(r) not in pins] == []
    assert [str(r) for r in wanted if not r.specifier.contains(pins[_key(r)].version)] == []


@pytest.mark.parametrize("name", FILES)
def test_every_pin_is_one_of_files_that_are_known(name: str) -> None:
    entries = _entries(f"{name}.txt")
    assert entries
    assert [entry for entry in entries if not SHA256.search(entry)] == []


@pytest.mark.parametrize(
    "name", ["requirements-dev", "requirements-minilm", "requirements-names", "requirements-traces"]
)
def test_one_environment_holds_both_files(name: str) -> None:
    pins = {_key(pin): pin.specifier for pin in _requirements("requirements.txt")}
    both = [pin for pin in _requirements(f"{name}.txt") if _key(pin) in pins]
    assert both
    assert [str(pin) for pin in both if pin.specifier != pins[_key(pin)]] == []


@pytest.mark.parametrize("name", FILES)
def test_pins_name_no_place_of_the_machine_that_compiled_them(name: str) -> None:
    text = (REPOSITORY / f"{name}.txt").read_text()
    assert [mark for mark in ("://", "index-url", "find-links", " /") if mark in text] == []


def test_every_file_is_compiled_by_the_script() -> None:
    script = (REPOSITORY / "scripts" / "requirements").read_text()
    assert set(re.findall(r"[\w/-]*requirements[\w-]*(?=[ ;\\])", script)) >= set(FILES)


def _key(requirement: Requirement) -> str:
    return canonicalize_name(requirement.name)
