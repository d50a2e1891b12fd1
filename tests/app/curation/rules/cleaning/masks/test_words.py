from app.curation.rules.cleaning.masks.words import counts_goods_or_papers
from tests.app.curation.rules.cleaning.masks.masking import masked


def test_numbers_of_goods_and_papers_stay() -> None:
    text = "order 415-735-0142, part number 212-735-0177, Bestellnummer 646-735-0142"
    assert masked(text) == text


def test_a_word_in_another_sentence_says_nothing_of_a_number() -> None:
    text = "My order came late. Mail me or ring 415-735-0142"
    assert not counts_goods_or_papers(text, text.index("415"))
