"""Wrong arguments and folders are reported in one line."""

from pathlib import Path

from flask.testing import FlaskCliRunner

from app import create_app
from app.services import current_services
from app.settings import Settings


def test_an_id_that_is_not_utf_8_is_refused(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["takedown", "conversation", "\udcff", "--reason", "asked"])
    assert result.exit_code == 1
    assert result.output.splitlines() == ["Error: '\\udcff' isn't UTF-8"]


def test_the_doctor_says_that_a_folder_has_no_lake(tmp_path: Path) -> None:
    app = create_app(Settings.at(tmp_path))
    result = app.test_cli_runner().invoke(args=["doctor"])
    with app.app_context():
        current_services().close()
    assert result.exit_code == 1
    assert "were the migrations run?" in result.output
    assert isinstance(result.exception, SystemExit)
