from urllib.parse import urlsplit

import pytest

from app.curation.rules.cleaning.masks.secret import KIND, PROVIDERS, Form
from tests.app.curation.rules.cleaning.masks.planted import planted

SECRETS = [each.text for each in planted() if each.kind == "secret"]


@pytest.mark.parametrize("form", PROVIDERS, ids=[form.provider for form in PROVIDERS])
def test_each_form_has_a_source(form: Form) -> None:
    source = urlsplit(form.source)

    assert (source.scheme, bool(source.hostname)) == ("https", True)


def test_the_forms_of_the_best_known_providers_are_planted() -> None:
    found = {form.provider for form in PROVIDERS for text in SECRETS if any(form.find(text))}

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


def test_what_instructions_have_in_the_place_of_a_key_is_none() -> None:
    assert list(KIND.find("Set GITHUB_TOKEN=ghp_" + "x" * 36)) == []


def test_three_parts_with_dots_are_no_token_unless_they_begin_with_its_header() -> None:
    assert (
        list(KIND.find("eyAxMjM0NTY3ODkwMTIzNA.eyJzdWIiOiIxIn0abc.c2lnbmF0dXJlMTIzNDU2Nzg")) == []
    )
