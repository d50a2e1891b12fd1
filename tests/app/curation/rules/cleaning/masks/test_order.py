# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
from itertools import chain

import pytest

from app.curation.rules.cleaning.columns import matching
from app.curation.rules.cleaning.masks.mask import PLACEHOLDERS, Mask
from app.curation.rules.cleaning.masks.order import KINDS, MASKS, apply_masks
from catalog.stages.tables import MASK_KINDS
from tests.app.curation.rules.cleaning.batches import texts
from tests.app.curation.rules.cleaning.masks.planted import planted

NAMES = [mask.name for mask in MASKS]
TOKEN = "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"  # noqa: S105  # nobody's


def masked(text: str) -> tuple[str, dict[str, int]]:
    result, counts = apply_masks(texts(text))
    some = {name: int(many) for name, many in zip(KINDS, counts[0], strict=True) if many}
    return result[0].as_py(), some


def test_each_kind_of_the_stage_is_masked_once() -> None:
    assert sorted(KINDS) == sorted(MASK_KINDS)


@pytest.mark.parametrize("mask", MASKS, ids=NAMES)
def test_no_mask_finds_anything_in_a_placeholder(mask: Mask) -> None:
    placeholders = list(PLACEHOLDERS.values())
    around = [
        *placeholders,
        " ".join(placeholders),
        "".join(placeholders),
        *(f"a{p}1" for p in placeholders),
    ]

    assert [list(mask.find(text)) for text in around] == [[] for _ in around]


def test_a_token_in_a_url_s_password_is_the_url_s() -> None:
    assert masked(f"git clone https://ada:{TOKEN}@github.com/a/b.git") == (
        "git clone https://<URL_CREDENTIALS>@github.com/a/b.git",
        {"url_credentials": 1},
    )


def test_a_password_before_an_address_leaves_the_host_to_its_own_mask() -> None:
    assert masked("ftp://ada:Zx81kQ9@84.23.12.9/x") == (
        "ftp://<URL_CREDENTIALS>@<IP_ADDRESS>/x",
        {"url_credentials": 1, "ip_address": 1},
    )


def test_an_email_address_in_a_password_is_not_counted_twice() -> None:
    assert masked("smtp://ada@quillmere.net:Zx81kQ9@mail.quillmere.net:25") == (
        "smtp://ada@quillmere.net:Zx81kQ9@mail.quillmere.net:25".replace(
            "ada@quillmere.net:Zx81kQ9", "<URL_CREDENTIALS>"
        ),
        {"url_credentials": 1},
    )


def test_the_digits_of_an_iban_are_no_card_and_no_telephone() -> None:
    assert masked("Tel. or IBAN: DE89 3704 0044 0532 0130 00") == (
        "Tel. or IBAN: <IBAN>",
        {"iban": 1},
    )


def test_many_of_many_kinds_are_counted_by_kind() -> None:
    text = (
        f"ada@quillmere.net, bob@quillmere.net; call +44 20 7946 0958. {TOKEN} 4111 1111 1111 1111"
    )

    assert masked(text) == (
        "<EMAIL>, <EMAIL>; call <PHONE>. <SECRET> <CARD>",
        {"email": 2, "phone": 1, "secret": 1, "card": 1},
    )


def test_texts_keep_their_places_and_nulls_stay() -> None:
    result, counts = apply_masks(texts("a", None, "ada@quillmere.net", "", "b"))

    assert result.to_pylist() == ["a", None, "<EMAIL>", "", "b"]
    assert counts.sum(axis=1).tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "a@" * 50_000,
        "1." * 100_000,
        "+1 " * 60_000,
        "-----BEGIN PRIVATE KEY-----" * 5_000,
        f"version 1{', ' * 25}, zz 999.1.2.3 " * 1_000,
        "https://a:" * 20_000,
        "password " * 20_000,
        "password=" * 20_000,
        "password is " * 20_000,
        "password of a box " * 20_000,
        "curl -u a" * 20_000,
        "mysql -p" * 20_000,
        "curl " + "x " * 100_000,
        "login a " * 20_000,
        "authorization: bearer " * 10_000,
        "authorization: bearer " + "a." * 100_000,
        "passport no " * 20_000,
        "SSN" + " no" * 60_000,
        "passport" + " " * 100_000,
        "date of birth " * 20_000,
        "date of birth 3 " * 20_000,
        "tel" + " at" * 60_000,
        "tel 03 " * 30_000,
        "ada at b " * 20_000,
        "a'" * 100_000 + "@",
        "a dot " * 30_000,
        "ada at " + "b dot " * 30_000,
        "用@" * 60_000,
        "用." * 60_000 + "@",
        "ａ@用." * 30_000,
        "my_password" * 20_000 + "=",
        'password="' + "password" * 20_000,
        "password=" + "my" * 90 + "|",
        "7 Elm " * 30_000,
        "7 Elm, OH 45501, " * 10_000,
        "Elm" * 60_000 + "straße 7",
        "Calle Mayor " * 20_000,
        "7 rue de " * 20_000,
        "Unit 7 " * 30_000,
        "市" * 100_000 + "路7",
        "東京都" + "の" * 200_000,
    ],
    ids=lambda text: text[:16],
)
def test_a_long_text_that_tempts_a_mask_is_read_in_linear_time(text: str) -> None:
    """A regular expression that backtracks would take hours."""
    assert masked(text)[0] == text


def test_a_key_block_that_was_cut_off_ends_where_its_lines_do() -> None:
    lines = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ\n" * 3

    text = f"Here:\n-----BEGIN RSA PRIVATE KEY-----\n{lines}\nSummary: it was mine."

    assert masked(text)[0] == "Here:\n<PRIVATE_KEY>\n\nSummary: it was mine."


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("private_key", "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0B" * 4),
        ("ip_address", "2a01:4f8::1"),
        ("email", "ada [AT] quillmere [DOT] net"),
        ("street_address", "7 Alder Grove, Bristol BS6 5TR"),
        ("id_number", "passport CFGHJKL47"),
    ],
)
def test_texts_with_few_digits_or_none_are_searched(kind: str, text: str) -> None:
    assert masked(text)[1] == {kind: 1}


@pytest.mark.slow
def test_every_text_with_a_form_has_its_hints() -> None:
    searched = [
        *(each.text for each in planted()),
        "2a01:4f8::1",
        "passport C01X00T47",
        "ул. Ленина, д. 5",
        "7 Alder Grove, Bath BA1 5TR",
        "Lindebaan 27, 3454AB, de Meern",
        "ΑΜΚΑ 01018812345",
        "هاتف: ٠٢ ٢٧٩٥ ١٢٣٤",
    ]
    for form in chain.from_iterable(mask.forms for mask in MASKS):
        hinted = matching(texts(*searched), *form.hints).tolist()
        found = [place for place, spans in enumerate(form.find_in(texts(*searched))) if list(spans)]
        assert set(found) <= set(hinted), form.hints
