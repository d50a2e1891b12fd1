from dataclasses import fields

import pytest
from flask.testing import FlaskCliRunner

from app import create_app
from app.cli.commands.settings import settings_tables
from app.settings import Settings


def test_every_setting_is_shown_with_its_default_and_meaning(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["settings"])
    assert result.exit_code == 0
    assert result.output == settings_tables()
    rows = [line for line in result.output.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    names = [f"`CHATLAKE_{field.name.upper()}`" for field in fields(Settings)]
    assert sorted(variable for variable, _, _ in cells) == sorted(names)
    for variable, default, meaning in cells:
        assert default, variable
        assert meaning, variable


def test_each_group_of_settings_has_a_table_under_its_heading() -> None:
    for table, group in zip(settings_tables().split("\n\n"), Settings.groups(), strict=True):
        heading, head, rule, *rows = table.splitlines()
        assert heading == f"## {group.heading}"
        assert head == "| variable | default | meaning |"
        assert rule == "| --- | --- | --- |"
        assert [row.split("`")[1] for row in rows] == [
            f"CHATLAKE_{field.name.upper()}" for field in fields(group)
        ]


def test_no_value_of_this_machine_is_shown(settings: Settings) -> None:
    values = {"s3_secret_access_key": "abracadabra", "port": 12345}
    ours = Settings.at(settings.home, **values)
    result = create_app(ours).test_cli_runner().invoke(args=["settings"])
    assert result.output == settings_tables()
    for value in ("abracadabra", "12345", str(settings.home)):
        assert value not in result.output


@pytest.mark.parametrize("secret", ["s3_secret_access_key", "database_url", "catalog_uri"])
def test_secrets_are_not_in_the_text_of_the_settings(settings: Settings, secret: str) -> None:
    values = {secret: "sqlite:///abracadabra"}
    assert "abracadabra" not in repr(Settings.at(settings.home, **values))
