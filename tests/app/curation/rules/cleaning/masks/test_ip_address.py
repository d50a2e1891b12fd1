from tests.app.curation.rules.cleaning.masks.masking import masked


def test_addresses_of_name_servers_and_documentation_stay() -> None:
    text = (
        "8.8.8.8, 1.1.1.1, 192.0.2.1, 198.51.100.7, 203.0.113.9, 2001:db8::1, 2001:4860:4860::8888"
    )
    assert masked(text) == text
