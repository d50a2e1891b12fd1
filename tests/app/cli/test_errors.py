import pytest

from app import create_app
from app.settings import Settings


@pytest.mark.parametrize("command", [["status"], ["release", "build", "x", "--stage", "raw"]])
@pytest.mark.parametrize("has_home", [True, False])
def test_a_command_before_the_migrations_is_an_error_of_one_line(
    new_settings: Settings, command: list[str], has_home: bool
) -> None:
    if has_home:
        new_settings.home.mkdir()
    result = create_app(new_settings).test_cli_runner().invoke(args=command)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "migrations" in line
