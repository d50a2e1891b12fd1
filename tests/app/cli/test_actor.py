import pytest

from app.cli import actor


def test_the_user_of_the_process_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert actor.current_actor() == "cli:ada"


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_is_a_number(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setattr(actor, "getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 1234)
    assert actor.current_actor() == "cli:1234"
