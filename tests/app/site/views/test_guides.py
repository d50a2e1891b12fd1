"""The guides, which are pages of the documentation."""

import re

import pytest
from flask.testing import FlaskClient

from app.site.views.guides import GUIDES


def test_every_page_leads_to_the_guides(client: FlaskClient) -> None:
    page = client.get("/guides").text
    assert 'href="/guides/contributors">For contributors</a>' in page
    assert re.findall(r'<h2><a href="/guides/([^"]+)"', page) == list(GUIDES)


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_has_one_title_and_no_link_into_nothing(client: FlaskClient, name: str) -> None:
    page = client.get(f"/guides/{name}").text
    assert page.count("<h1>") == 1
    article = page.partition('<article class="prose guide">')[2].partition("</article>")[0]
    assert len(article) > 1_000
    for link in re.findall(r'href="([^"]+)"', article):
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:", "mailto:")):
            continue
        assert path == "" or path.startswith("/guides/"), link
        target = client.get(path or f"/guides/{name}")
        assert target.status_code == 200, link
        assert not anchor or f'id="{anchor}"' in target.text, link


def test_other_documents_are_no_guides(client: FlaskClient) -> None:
    for name in ("operations", "none", "..%2FREADME"):
        assert client.get(f"/guides/{name}").status_code == 404
