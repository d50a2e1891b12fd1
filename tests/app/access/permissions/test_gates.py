import pytest

from app.access.permissions.gates import Gates
from app.access.roles import OPEN
from app.services import Services

READ = frozenset({"read"})


@pytest.mark.both
def test_a_gate_requires_its_role_until_it_is_opened(services: Services) -> None:
    gates = Gates(services.database)
    gates.close("release", "first", "operate")
    gates.close("release", "first", "read")
    gates.close("map", "second", "moderate")
    seen = Gates(services.database)
    assert seen.needed("release", "first") == READ
    assert seen.needed("map", "second") == {"moderate"}
    assert seen.needed("map", "first") == seen.needed("release", "second") == OPEN
    assert gates.needed("release", "first") == READ
    assert gates.open("release", "first")
    assert not gates.open("release", "first")
    assert gates.needed("release", "first") == OPEN
    # Another process has it in memory for a while.
    assert seen.needed("release", "first") == READ
    assert Gates(services.database).needed("release", "first") == OPEN
