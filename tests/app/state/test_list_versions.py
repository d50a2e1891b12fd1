from threading import Thread

import pytest

from app.services import Services
from app.state.list_versions import count_change, list_version


@pytest.mark.both
def test_each_list_counts_its_own_changes_once_they_are_committed(services: Services) -> None:
    with services.database.read() as connection:
        hidden, bans = (list_version(connection, name) for name in ("hidden", "bans"))
    with pytest.raises(ZeroDivisionError), services.database.write() as connection:
        count_change(connection, "hidden")
        raise ZeroDivisionError
    with services.database.write() as connection:
        count_change(connection, "hidden")
        count_change(connection, "hidden")
    with services.database.read() as connection:
        assert list_version(connection, "hidden") == hidden + 2
        assert list_version(connection, "bans") == bans
        assert list_version(connection, "another") == 0


@pytest.mark.both
def test_a_locked_list_does_not_change_until_the_transaction_ends(services: Services) -> None:
    def change() -> None:
        with services.database.write() as connection:
            count_change(connection, "bans")

    other = Thread(target=change)
    with services.database.write() as connection:
        before = list_version(connection, "bans", is_locked=True)
        other.start()
        other.join(0.1)
        assert other.is_alive()
        assert list_version(connection, "bans") == before
    other.join()
    with services.database.read() as connection:
        assert list_version(connection, "bans") == before + 1
