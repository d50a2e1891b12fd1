from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.settings import Settings, SettingsError
from tests.app.site.test_policies import policy_of
from tests.lakes import opened_app

HOSTILE = """\
# Terms

Be *kind*. <script>alert(1)</script> <img src=x onerror=alert(1)>

[a](javascript:alert(1)) [b](https://example.org/) {{ 7 * 7 }}
"""


def terms_settings(settings: Settings, **values: object) -> Settings:
    path = settings.home / "terms.md"
    path.write_text(HOSTILE, encoding="utf-8")
    return Settings.at(settings.home, terms_file=path, **values)


def test_without_terms_there_is_no_page(client: FlaskClient) -> None:
    assert client.get("/terms").status_code == 404


def test_the_page_shows_the_terms_and_their_version(settings: Settings) -> None:
    with opened_app(terms_settings(settings, terms_version="2026-<11>")) as app:
        client = app.test_client()
        page = client.get("/terms").text
        assert page.count("<h1>") == page.count("<h2>Terms</h2>") == 1
        assert "<em>kind</em>" in page
        assert "<code>2026-&lt;11&gt;</code>" in page
        assert '<a href="https://example.org/" rel="nofollow noopener noreferrer">b</a>' in page
        policy = policy_of(client, "/terms")
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"


@pytest.mark.slow
def test_markup_and_scripts_in_the_terms_are_text(settings: Settings) -> None:
    with opened_app(terms_settings(settings)) as app:
        page = app.test_client().get("/terms").text
    assert "<script>" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert "{{ 7 * 7 }}" in page


def test_a_file_that_is_gone_is_answered_with_503(settings: Settings) -> None:
    lake = terms_settings(settings)
    assert lake.terms_file
    lake.terms_file.unlink()
    with opened_app(lake) as app:
        assert app.test_client().get("/terms").status_code == 503


@pytest.mark.parametrize("required", [False, True])
def test_the_description_of_the_api_names_the_terms(settings: Settings, required: bool) -> None:
    lake = terms_settings(settings, terms_version="2026-11", require_terms=required)
    with opened_app(lake) as app:
        document = app.test_client().get("/openapi.json").json
    assert document is not None
    description = document["info"]["description"]
    assert "[terms](/terms), version `2026-11`" in description
    assert ("every submission has to state" in description) == required


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({"require_terms": True}, "REQUIRE_TERMS"),
        ({"require_terms": True, "terms_version": "1"}, "REQUIRE_TERMS"),
        ({"require_terms": True, "terms_file": Path("terms.md")}, "REQUIRE_TERMS"),
        ({"terms_version": "1\n2"}, "TERMS_VERSION"),
        ({"terms_version": "1" * 513}, "TERMS_VERSION"),
    ],
)
def test_settings_that_nobody_could_agree_to_are_refused(
    values: dict[str, object], variable: str
) -> None:
    with pytest.raises(SettingsError, match=variable):
        Settings.at("home", **values)
