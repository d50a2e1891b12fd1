from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.settings import PREFIX, RESERVED, Settings, SettingsError


def test_the_one_folder_holds_all_state_that_is_not_placed_elsewhere(tmp_path: Path) -> None:
    settings = Settings.at(tmp_path)
    assert settings.home == tmp_path
    assert settings.database_url == f"sqlite:///{tmp_path}/chatlake.db"
    assert settings.catalog_uri == f"sqlite:///{tmp_path}/catalog.db"
    assert settings.warehouse == f"file://{tmp_path}/warehouse"
    assert settings.releases == tmp_path / "releases"


def test_without_any_variable_the_folder_is_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({}).home == tmp_path / "data"


def test_a_relative_folder_is_meant_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({"CHATLAKE_HOME": "lake"})
    assert settings.home == tmp_path / "lake"
    assert settings.database_url == f"sqlite:///{tmp_path}/lake/chatlake.db"


def test_each_place_can_be_given_by_itself(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"CHATLAKE_HOME": str(tmp_path), "CHATLAKE_WAREHOUSE": "s3://bucket/lake"}
    )
    assert settings.warehouse == "s3://bucket/lake"
    assert settings.catalog_uri == f"sqlite:///{tmp_path}/catalog.db"


def test_values_are_read_as_their_types() -> None:
    settings = Settings.from_environment(
        {
            "CHATLAKE_PORT": "9090",
            "CHATLAKE_COMMIT_INTERVAL_S": "0.5",
            "CHATLAKE_DEV": "true",
            "CHATLAKE_LICENCE": "CC0-1.0",
            "CHATLAKE_MAX_WAITING": "0",
        }
    )
    assert settings.port == 9090
    assert settings.commit_interval_s == 0.5
    assert settings.dev is True
    assert settings.licence == "CC0-1.0"
    assert settings.max_waiting == 0


def test_every_setting_can_be_set_by_its_variable(tmp_path: Path) -> None:
    s3: dict[str, Any] = {"s3_endpoint": "e", "s3_access_key_id": "k", "s3_region": "r"}
    urls = {"releases_bucket": "s3://b/releases", "moderation_url": "http://h/v1/moderations"}
    example = Settings.at(tmp_path, **urls, **s3)
    texts = {field.name: str(getattr(example, field.name)) for field in fields(Settings)}
    environment = {PREFIX + name.upper(): text for name, text in texts.items()}
    expected = Settings.at(texts.pop("home"), **texts)
    assert Settings.from_environment(environment) == expected


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environment({"CHATLAKE_PORT": ""}).port == 8080


def test_other_variables_are_passed_over() -> None:
    reserved = {PREFIX + name: "x" for name in RESERVED}
    settings = Settings.from_environment({"PORT": "x", "MYCHATLAKE_PORT": "x", **reserved})
    assert settings == Settings.from_environment({})


def test_an_unknown_setting_is_refused_by_its_name() -> None:
    with pytest.raises(SettingsError, match="CHATLAKE_PROT") as caught:
        Settings.from_environment({"CHATLAKE_PROT": "80"})
    assert caught.value.variable == "CHATLAKE_PROT"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CHATLAKE_PORT", "eighty"),
        ("CHATLAKE_PORT", "0"),
        ("CHATLAKE_PORT", "65536"),
        ("CHATLAKE_WORKERS", "0"),
        ("CHATLAKE_WORKERS", "1.5"),
        ("CHATLAKE_DEV", "perhaps"),
        ("CHATLAKE_COMMIT_INTERVAL_S", "0"),
        ("CHATLAKE_COMMIT_INTERVAL_S", "soon"),
        ("CHATLAKE_MAX_NESTING", "3"),
        ("CHATLAKE_COMMIT_MAX_ROWS", "0"),
        ("CHATLAKE_IDEMPOTENCY_WINDOW_S", "-1"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({variable: value})
    assert caught.value.variable == variable
    assert caught.value.problem
    assert str(caught.value).startswith(f"{variable}: ")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CHATLAKE_PORT", "abc", "a whole number is expected, not 'abc'"),
        ("CHATLAKE_COMMIT_INTERVAL_S", "soon", "a number is expected, not 'soon'"),
        ("CHATLAKE_DEV", "perhaps", "true or false is expected, not 'perhaps'"),
    ],
)
def test_a_value_of_another_type_is_named_with_what_is_expected(
    variable: str, value: str, words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({variable: value})
    assert caught.value.problem == words


def test_no_secret_is_shown() -> None:
    settings = Settings.from_environment(
        {
            "CHATLAKE_DATABASE_URL": "postgresql+psycopg://u:secret-1@db/lake",
            "CHATLAKE_CATALOG_URI": "postgresql+psycopg://u:secret-2@db/lake",
            "CHATLAKE_S3_SECRET_ACCESS_KEY": "secret-3",
        }
    )
    assert "secret-" not in repr(settings)
    assert "secret-" not in str(settings)


def test_every_setting_has_a_description() -> None:
    for field in fields(Settings):
        assert getattr(field.type, "__metadata__", None), field.name
        assert field.type.__metadata__[0].description, field.name  # type: ignore[union-attr]  # typeshed's is a type or its name
