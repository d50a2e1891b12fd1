from pathlib import Path

import pytest

from app.settings import Settings, SettingsError


def test_the_catalog_gets_the_settings_of_an_s3_server(tmp_path: Path) -> None:
    settings = Settings.at(
        tmp_path,
        s3_endpoint="http://127.0.0.1:9000",
        s3_access_key_id="key",
        s3_secret_access_key="secret",  # noqa: S106  # no one's
        s3_region="here",
    )
    assert settings.catalog_properties == {
        "s3.endpoint": "http://127.0.0.1:9000",
        "s3.access-key-id": "key",
        "s3.secret-access-key": "secret",
        "s3.region": "here",
        "s3.force-virtual-addressing": "false",
    }


def test_the_catalog_gets_nothing_that_is_not_set(tmp_path: Path) -> None:
    assert Settings.at(tmp_path).catalog_properties == {}
    assert Settings.at(tmp_path, s3_region="here").catalog_properties == {"s3.region": "here"}


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("warehouse", "s3://["),
        ("warehouse", "s3://"),
        ("warehouse", "ftp://host/folder"),
        ("s3_endpoint", "http://["),
        ("iceberg_s3_endpoint", "http://["),
        ("releases_s3_endpoint", "http://["),
        ("catalog_uri", "somewhere"),
        ("database_url", "postgresql+psycopg://host:port/lake"),
    ],
)
def test_a_url_that_is_none_is_refused_by_its_variable(tmp_path: Path, name: str, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.at(tmp_path, **{name: url})
    assert caught.value.variable == f"CHATLAKE_{name.upper()}"


def test_a_warehouse_may_be_a_path(tmp_path: Path) -> None:
    assert Settings.at(tmp_path, warehouse=str(tmp_path)).warehouse == str(tmp_path)
