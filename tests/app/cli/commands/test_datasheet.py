from pathlib import Path

import pytest
from flask.testing import FlaskCliRunner

from app import create_app
from app.releases.descriptions.datasheet import template
from app.settings import Settings, SettingsError


def test_the_questions_are_printed(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["datasheet"])
    assert result.exit_code == 0
    assert result.output == template()


def test_a_service_whose_datasheet_is_wrong_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "datasheet.md"
    path.write_text("no question")
    with pytest.raises(SettingsError, match=r"CHATLAKE_DATASHEET: .* has no question"):
        create_app(Settings.at(tmp_path, datasheet=path))
