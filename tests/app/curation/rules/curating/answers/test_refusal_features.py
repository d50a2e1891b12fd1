import numpy as np
import pyarrow as pa
import pytest

from app.curation.rules.curating.answers.refusal_features import (
    CONCEPTS_FILE,
    RefusalFeatures,
    refusal_features,
)
from app.curation.rules.curating.words import words_of


def features(*answers: str) -> RefusalFeatures:
    texts = pa.array(answers, pa.large_string())
    return refusal_features(texts, words_of(texts))


@pytest.mark.parametrize(
    ("english", "other"),
    [("not help", "nicht helfen"), ("not help", "не помогу"), ("not answer", "不回答")],
)
def test_words_of_two_languages_share_the_features_of_their_concepts(
    english: str, other: str
) -> None:
    # Without 16 features of content, seven of shape and five of length, which differ in number.
    one, another = features(english, other).dense[:, :-28]
    shared = (one > 0) & (another > 0)
    assert shared.sum() >= 3  # each concept, and both near each other


def test_each_word_has_a_bucket_and_one_with_its_next_word() -> None:
    found = features("one two", "", "two", "one two three")
    assert found.offsets.tolist() == [0, 2, 2, 3, 6]
    buckets = found.buckets.tolist()
    assert buckets[0] == buckets[3]  # one, one two
    assert buckets[1] == buckets[2]  # two, and then the end
    assert buckets[1][0] == buckets[4][0]  # two, before and without a next word
    assert buckets[1][1] != buckets[4][1]


def test_what_is_seen_of_a_text_depends_on_no_other() -> None:
    texts = ["我不", "能帮", "can", "not help", "对"]
    together = features(*texts)
    for place, text in enumerate(texts):
        alone = features(text)
        words = slice(*together.offsets[place : place + 2])
        assert np.array_equal(together.buckets[words], alone.buckets)
        assert np.array_equal(together.dense[place], alone.dense[0])


@pytest.mark.parametrize(
    ("many", "end", "other"), [("word " * 50, "not", "help"), ("花" * 90, "不", "帮")]
)
def test_only_the_first_words_are_read(many: str, end: str, other: str) -> None:
    long, longer = features(many + end, many + other).dense
    assert np.array_equal(long, longer)


def test_two_characters_are_read_in_the_place_of_a_word() -> None:
    long, longer = features("花" * 60 + "不", "花" * 60 + "帮").dense
    assert not np.array_equal(long, longer)


def test_a_concept_at_the_end_is_told_from_one_before() -> None:
    late, early = features("word " * 20 + "not", "word " * 10 + "not" + " word" * 10).dense
    assert not np.array_equal(late, early)


def test_words_of_no_concept_are_counted_and_two_characters_are_one() -> None:
    bare, four, eight_characters = features("not", "word " * 4, "花" * 8).dense
    content = slice(-28, -12)
    assert not bare[content].any()
    assert four[content].any()
    assert np.array_equal(four[content], eight_characters[content])


def test_no_words_are_no_features() -> None:
    found = features("", "?!")
    assert len(found.buckets) == 0
    assert not found.dense[0].any()


def test_a_concept_lists_each_word_once() -> None:
    for line in CONCEPTS_FILE.read_text(encoding="utf-8").splitlines():
        _, terms = line.split(": ", 1)
        assert len(set(terms.split())) == len(terms.split())
