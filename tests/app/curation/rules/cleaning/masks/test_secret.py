from urllib.parse import urlsplit

import pytest

from app.curation.rules.cleaning.masks.secret import MASK, SECRET_FORMATS, SecretFormat
from tests.app.curation.rules.cleaning.masks.planted import planted

PROVIDERS = [row.provider for row in SECRET_FORMATS]
SECRETS = [each.text for each in planted() if each.kind == "secret"]


@pytest.mark.parametrize("secret_format", SECRET_FORMATS, ids=PROVIDERS)
def test_each_format_has_a_source(secret_format: SecretFormat) -> None:
    source = urlsplit(secret_format.source)

    assert (source.scheme, bool(source.hostname)) == ("https", True)


def test_the_formats_of_the_best_known_providers_are_planted() -> None:
    found = {row.provider for row in SECRET_FORMATS for text in SECRETS if any(row.find(text))}

    assert found >= {
        "AWS access key id",
        "AWS secret access key",
        "GitHub",
        "GitLab",
        "Slack",
        "Stripe",
        "OpenAI",
        "Anthropic",
        "Google",
        "Hugging Face",
        "Telegram",
        "Discord bot",
        "Discord webhook",
        "Twilio",
        "SendGrid",
        "npm",
        "PyPI",
        "JSON Web Token",
        "Azure storage",
    }


def test_placeholders_of_keys_are_not_masked() -> None:
    assert list(MASK.find("Set GITHUB_TOKEN=ghp_" + "x" * 36)) == []


def test_three_parts_with_dots_are_no_token_unless_they_begin_with_its_header() -> None:
    assert (
        list(MASK.find("eyAxMjM0NTY3ODkwMTIzNA.eyJzdWIiOiIxIn0abc.c2lnbmF0dXJlMTIzNDU2Nzg")) == []
    )
