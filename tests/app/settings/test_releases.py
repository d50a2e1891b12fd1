from pathlib import Path

import pytest

from app.settings import Settings, SettingsError


@pytest.mark.parametrize(
    "url", ["releases", "http://b/x", "s3://", "s3:///x", "s3://b/x?y", "s3://b/#x", "s3://["]
)
def test_a_bucket_of_releases_is_named_by_its_url(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.at(tmp_path, releases_bucket=url)
    assert caught.value.variable == "CHATLAKE_RELEASES_BUCKET"
