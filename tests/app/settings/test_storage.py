from pathlib import Path

from app.settings import Settings


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
