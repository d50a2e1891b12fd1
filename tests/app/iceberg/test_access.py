from typing import Any

import pytest

from app.iceberg.access import file_access
from app.settings import Settings, SettingsError

SERVICE_KEY = {"s3_access_key_id": "service-key", "s3_secret_access_key": "service-secret"}
ENGINE_KEY = {
    "iceberg_s3_access_key_id": "engine-key",
    "iceberg_s3_secret_access_key": "engine-secret",
}
VEND = {"iceberg_vend_credentials": True}
KEYS = {"s3.access-key-id": "engine-key", "s3.secret-access-key": "engine-secret"}


def on_s3(**values: Any) -> Settings:
    return Settings.at("nowhere", warehouse="s3://bucket/lake", **values)


def test_local_files_need_no_more_than_their_paths() -> None:
    assert file_access(Settings.at("nowhere", **SERVICE_KEY, **ENGINE_KEY, **VEND)) == {}


def test_engines_get_the_endpoint_of_s3_but_never_the_services_key() -> None:
    settings = on_s3(**SERVICE_KEY, s3_endpoint="http://s3:8333", s3_region="us-east-1")
    assert file_access(settings) == {
        "s3.endpoint": "http://s3:8333",
        "s3.region": "us-east-1",
        "client.region": "us-east-1",
        "s3.force-virtual-addressing": "false",
        "s3.path-style-access": "true",
    }


def test_engines_that_are_elsewhere_have_an_endpoint_of_their_own() -> None:
    settings = on_s3(s3_endpoint="http://s3:8333", iceberg_s3_endpoint="https://s3.example.org")
    assert file_access(settings)["s3.endpoint"] == "https://s3.example.org"


def test_a_key_for_engines_is_not_sent_unless_vending_is_on() -> None:
    assert file_access(on_s3(**SERVICE_KEY, **ENGINE_KEY)) == {}
    assert file_access(on_s3(**SERVICE_KEY, **ENGINE_KEY, **VEND)) == KEYS


@pytest.mark.parametrize("keys", [{}, {"iceberg_s3_access_key_id": "engine-key"}])
def test_a_key_that_is_not_set_can_not_be_given_away(keys: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="CHATLAKE_ICEBERG_S3_ACCESS_KEY_ID"):
        on_s3(**SERVICE_KEY, **VEND, **keys)


@pytest.mark.parametrize("closed", ["raw_access", "stage_access"])
def test_a_key_to_all_files_is_not_given_away_where_one_table_needs_a_key(closed: str) -> None:
    with pytest.raises(SettingsError, match="opens the files of all tables"):
        on_s3(**SERVICE_KEY, **ENGINE_KEY, **VEND, **{closed: "keys"})
    both = {"raw_access": "keys", "stage_access": "keys"}
    assert file_access(on_s3(**SERVICE_KEY, **ENGINE_KEY, **VEND, **both)) == KEYS


def test_a_key_that_opens_young_files_is_not_given_to_everybody_under_an_embargo() -> None:
    vending = {**SERVICE_KEY, **ENGINE_KEY, **VEND, "embargo_s": 1}
    with pytest.raises(SettingsError, match=r"VEND_CREDENTIALS.*young snapshots.*EMBARGO_S"):
        on_s3(**vending)
    # Who may load a table then has a key with which they may read young snapshots anyway.
    assert file_access(on_s3(**vending, raw_access="keys", stage_access="keys")) == KEYS
    assert file_access(on_s3(**vending | {"iceberg_vend_credentials": False})) == {}


def test_the_services_own_key_can_not_be_given_away() -> None:
    same = {
        "iceberg_s3_access_key_id": "service-key",
        "iceberg_s3_secret_access_key": "service-secret",
    }
    with pytest.raises(SettingsError, match="the service's own key"):
        on_s3(**SERVICE_KEY, **VEND, **same)
