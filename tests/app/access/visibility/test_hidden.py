import pytest

from app.access.visibility.hidden import HiddenContributions
from app.services import Services

FIRST, SECOND, THIRD = (f"01900000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))


@pytest.mark.both
def test_a_contribution_is_hidden_until_no_cause_is_left(services: Services) -> None:
    hidden = HiddenContributions(services.database)
    elsewhere = HiddenContributions(services.database)
    assert elsewhere.ids().to_pylist() == []
    with services.database.write() as connection:
        hidden.hide(connection, [THIRD, FIRST], "quarantine")
        hidden.hide(connection, [FIRST, FIRST], "ban")
        hidden.hide(connection, [], "ban")
    assert elsewhere.ids().to_pylist() == [FIRST, THIRD]
    assert elsewhere.causes(FIRST) == {"quarantine", "ban"}
    assert elsewhere.causes(SECOND) == frozenset()
    with services.database.write() as connection:
        hidden.show(connection, [FIRST, SECOND, THIRD], "quarantine")
    assert elsewhere.ids().to_pylist() == [FIRST]
    with services.database.write() as connection:
        hidden.show(connection, [FIRST], "ban")
    assert elsewhere.ids().to_pylist() == hidden.ids().to_pylist() == []


def test_nothing_is_hidden_by_a_transaction_that_fails(services: Services) -> None:
    hidden = HiddenContributions(services.database)
    with pytest.raises(ZeroDivisionError), services.database.write() as connection:
        hidden.hide(connection, [FIRST], "takedown")
        raise ZeroDivisionError
    assert hidden.ids().to_pylist() == []


def test_the_list_is_read_again_only_when_it_has_changed(services: Services) -> None:
    hidden = HiddenContributions(services.database)
    with services.database.write() as connection:
        hidden.hide(connection, [FIRST], "takedown")
    assert hidden.ids() is hidden.ids()
