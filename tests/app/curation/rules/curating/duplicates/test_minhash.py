import numpy as np
import pyarrow as pa
import pytest

from app.curation.rules.curating.duplicates import minhash
from app.curation.rules.curating.duplicates.minhash import BANDS, bands
from app.curation.rules.curating.shingles import shingles_of, words_said
from app.curation.rules.curating.words import turns_of
from tests.app.curation.rules.curating.making import (
    SCHEMA,
    Conversation,
    TextWriter,
    column,
    many,
    plain_jaccard,
    turns,
)
from tests.batches import assert_row_by_row


def made(number: int) -> list[str]:
    writer = TextWriter("english", 5)
    return [writer.text(writer.sentences(1 + place % 9)) for place in range(number)]


def test_bands_are_25_numbers_of_the_type_of_the_stage() -> None:
    found = bands(column(turns("one two three four"), turns("")))
    assert found.type == SCHEMA.field("bands").type
    assert [len(row) for row in found.to_pylist()] == [BANDS, BANDS]
    assert len(bands(column())) == 0


def test_bands_of_known_texts_never_change() -> None:
    """Stored bands are compared with new ones, so a change here needs a higher CURATING_VERSION."""
    (row,) = bands(column(turns("What is the capital of France?", "Paris. 巴黎"))).to_pylist()
    assert row[:2] == [277201614577434602, 179977690592872110]


@pytest.mark.slow
def test_the_same_words_have_the_same_bands_however_they_are_batched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = made(60)
    whole = bands(column(*(turns(text) for text in texts)))
    monkeypatch.setattr(minhash, "BLOCK_SHINGLES", 100)
    assert bands(column(*(turns(text) for text in texts))) == whole
    alone = [bands(column(turns(text.upper().replace(" ", " - ")))) for text in texts]
    assert pa.concat_arrays(alone) == whole


@pytest.mark.slow
def test_a_conversation_has_the_same_bands_in_any_batch() -> None:
    assert_row_by_row(bands, column(*many()))


def test_no_two_bands_have_the_same_hash() -> None:
    rows = np.array(bands(column(*(turns(text) for text in made(50)))).to_pylist())
    assert len(np.unique(rows)) == rows.size


def shared(one: Conversation, other: Conversation) -> int:
    first, second = bands(column(one, other)).to_pylist()
    return sum(mine == theirs for mine, theirs in zip(first, second, strict=True))


def test_bands_are_shared_only_if_both_prompts_and_answers_are_alike() -> None:
    prompt, answer, *others = made(4)
    assert shared(turns(prompt, answer), turns(prompt.upper(), answer)) == BANDS
    assert shared(turns(prompt, answer), turns(prompt, others[0])) == 0
    assert shared(turns(prompt, answer), turns(others[0], answer)) == 0
    assert shared(turns(prompt, answer), turns(answer, prompt)) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It took 120 minutes.", "It took 130 minutes."),
        ("From 3 to 7.", "From 7 to 3."),
        ("时速60公里", "时速90公里"),
        ("It took ١٢ minutes.", "It took ١٣ minutes."),
    ],
)
def test_conversations_with_other_numbers_share_no_band(one: str, other: str) -> None:
    prompt, answer = made(2)
    assert shared(turns(prompt, f"{answer} {one}"), turns(prompt, f"{answer} {other}")) == 0
    assert shared(turns(f"{answer} {one}", prompt), turns(f"{answer} {other}", prompt)) == 0


@pytest.mark.slow
def test_the_share_of_equal_minima_estimates_the_similarity() -> None:
    """The error of the estimate is that of 125 independent hash functions."""
    writer = TextWriter("english", 11)
    errors, expected = [], []
    for place in range(200):
        sentences = writer.sentences(12)
        pair = [
            turns(writer.text(sentences)),
            turns(writer.text(writer.edited(sentences, place / 600))),
        ]
        words = words_said(turns_of(column(*pair)), "user")
        first, second = minhash.signatures(shingles_of(words), np.arange(125)).T
        exact = plain_jaccard(pair[0], pair[1], "user")
        errors.append(np.mean(first == second) - exact)
        expected.append(exact * (1 - exact) / 125)
    assert abs(np.mean(errors)) < 4 * np.sqrt(np.mean(expected) / 200)
    assert np.mean(np.square(errors)) < 1.5 * np.mean(expected)
