from tests.app.curation.rules.cleaning.masks.masking import masked


def test_credentials_of_an_example_stay() -> None:
    text = "'http://username:password@host.com:80/path'"
    assert masked(text) == text
