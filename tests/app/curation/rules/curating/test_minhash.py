import numpy as np
import pyarrow as pa
import pytest

from app.curation.rules.curating import minhash
from app.curation.rules.curating.minhash import BANDS, bands
from app.curation.rules.curating.shingles import shingles_of
from tests.app.curation.rules.curating.making import (
    SCHEMA,
    Writer,
    column,
    many,
    plain_jaccard,
    turns,
)
from tests.batches import assert_row_by_row


def made(number: int) -> list[str]:
    writer = Writer("english", 5)
    return [writer.text(writer.sentences(1 + place % 9)) for place in range(number)]


def test_bands_are_25_numbers_of_the_type_of_the_stage() -> None:
    found = bands(column(turns("one two three four"), turns("")))
    assert found.type == SCHEMA.field("bands").type
    assert [len(row) for row in found.to_pylist()] == [BANDS, BANDS]
    assert len(bands(column())) == 0


def test_bands_stay_what_they_are_from_one_release_to_the_next() -> None:
    """Stored bands are compared with new ones: a change here takes a higher CURATING_VERSION."""
    (row,) = bands(column(turns("What is the capital of France?", "Paris. 巴黎"))).to_pylist()
    assert row[:2] == [8622533277224643421, 8489260792156134622]


def test_the_same_words_have_the_same_bands_however_they_are_batched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = made(60)
    whole = bands(column(*(turns(text) for text in texts)))
    monkeypatch.setattr(minhash, "_BLOCK_SHINGLES", 100)
    assert bands(column(*(turns(text) for text in texts))) == whole
    alone = [bands(column(turns(text.upper().replace(" ", " - ")))) for text in texts]
    assert pa.concat_arrays(alone) == whole


def test_a_conversation_has_the_same_bands_in_any_batch() -> None:
    assert_row_by_row(bands, column(*many()))


def test_a_band_is_told_from_the_others() -> None:
    rows = np.array(bands(column(*(turns(text) for text in made(50)))).to_pylist())
    assert len(np.unique(rows)) == rows.size


def test_the_share_of_minima_that_agree_estimates_the_similarity() -> None:
    """Its mean error over pairs of all similarities is what 125 independent functions have."""
    writer = Writer("english", 11)
    errors, expected = [], []
    for place in range(200):
        sentences = writer.sentences(12)
        pair = [
            turns(writer.text(sentences)),
            turns(writer.text(writer.edited(sentences, place / 600))),
        ]
        first, second = minhash._minima(shingles_of(column(*pair))).T
        exact = plain_jaccard(*pair)
        errors.append(np.mean(first == second) - exact)
        expected.append(exact * (1 - exact) / 125)
    assert abs(np.mean(errors)) < 4 * np.sqrt(np.mean(expected) / 200)
    assert np.mean(np.square(errors)) < 1.5 * np.mean(expected)
