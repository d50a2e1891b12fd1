import pyarrow as pa
import pytest

from app.access.errors import HeldBack
from app.access.visibility.held_back import HeldBackResults
from app.services import Services
from catalog.reading.membership import NO_IDS


def ids(*names: str) -> pa.Array:
    """Return contribution_ids, ascending."""
    return pa.array(sorted(names), NO_IDS.type)


@pytest.mark.both
def test_a_result_is_held_back_until_the_last_contribution_is_out_of_it(
    services: Services,
) -> None:
    held_back = HeldBackResults(services.database)
    held_back.add("release", "first", ids("a", "b"))
    held_back.add("release", "first", ids("b", "c"))
    held_back.add("map", "first", ids("a"))
    held_back.add("map", "second", ids())
    assert held_back.names("release") == {"first"}
    assert held_back.held_for("release", ids("b", "c", "d")) == {"first": ["b", "c"]}
    assert held_back.held_for("release", ids("d")) == {}
    held_back.end("release", "first", ["a", "b"])
    with pytest.raises(HeldBack, match="release 'first'"):
        held_back.check("release", "first")
    held_back.end("release", "first", ["c", "d"])
    held_back.check("release", "first")
    with pytest.raises(HeldBack):
        held_back.check("map", "first")
    held_back.check("map", "second")
