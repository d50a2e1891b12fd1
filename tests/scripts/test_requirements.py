import pytest
from packaging.requirements import Requirement

from tests.scripts.checkout import REPOSITORY


def _requirements(name: str) -> list[Requirement]:
    lines = (REPOSITORY / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and line[0].isalnum()]


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_requirement_has_a_pin_that_satisfies_it(name: str) -> None:
    pins = {pin.name: next(iter(pin.specifier)) for pin in _requirements(f"{name}.txt")}
    assert {pin.operator for pin in pins.values()} == {"=="}
    wanted = _requirements(f"{name}.in")
    assert [r.name for r in wanted if r.name not in pins] == []
    assert [str(r) for r in wanted if not r.specifier.contains(pins[r.name].version)] == []


def test_one_environment_holds_both_files() -> None:
    pins = {pin.name: pin.specifier for pin in _requirements("requirements.txt")}
    both = [pin for pin in _requirements("requirements-dev.txt") if pin.name in pins]
    assert [str(pin) for pin in both if pin.specifier != pins[pin.name]] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_pins_name_no_place_of_the_machine_that_compiled_them(name: str) -> None:
    text = (REPOSITORY / name).read_text()
    assert [mark for mark in ("://", "index-url", "find-links", " /") if mark in text] == []
