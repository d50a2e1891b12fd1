from pathlib import Path

import pytest

from app.settings import Settings, SettingsError


@pytest.mark.parametrize(
    "url",
    ["huggingface.co", "ftp://hub", "https://", "https://me:pw@hub", "https://:pw@hub", "http://["],
)
def test_a_hub_is_named_by_its_url(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.at(tmp_path, hub_url=url)
    assert caught.value.variable == "CHATLAKE_HUB_URL"


@pytest.mark.parametrize("token", ["hf_a b", "hf_a\n", "hf_ä", ""])
def test_a_token_that_no_header_can_have_is_refused_and_not_shown(
    tmp_path: Path, token: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.at(tmp_path, hub_token=token)
    assert caught.value.variable == "CHATLAKE_HUB_TOKEN"
    assert "hf_a" not in str(caught.value)
    assert "hf_" not in repr(Settings.at(tmp_path, hub_token="hf_secret"))  # noqa: S106  # none
