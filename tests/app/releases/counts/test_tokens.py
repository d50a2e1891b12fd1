from collections import Counter
from functools import partial
from importlib.metadata import version
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from app.releases.counts.statistics import Tokens
from app.releases.counts.tokens import ROW_CHARACTERS, RowText, TokenSample

Row = tuple[str, str]
"""The role and the text of a row with one message."""


def said_in(rows: list[Row], wanted: list[int]) -> list[list[RowText]]:
    """Return the one text of each of the wanted rows."""
    return [[RowText(*rows[row])] for row in wanted]


def count(rows: list[Row], size: int = 400, batch_rows: int = 7) -> Tokens:
    """Return the tokens of rows, which come in batches."""
    sample = TokenSample(size)
    characters = Counter[str]()
    for role, text in rows:
        characters[role] += len(text)
    for start in range(0, len(rows), batch_rows):
        part = rows[start : start + batch_rows]
        sample.add(
            pa.array([f"id-{start + place}" for place in range(len(part))]),
            np.array([len(text) for _, text in part]),
            partial(said_in, part),
        )
    return sample.tokens(len(rows), characters)


def test_the_tokens_of_a_small_release_are_counted() -> None:
    counted = count([("user", "Hello world"), ("assistant", "Hi"), ("user", "Hello")])
    assert counted == Tokens(
        tokenizer=f"Llama 2 (wordllama {version('wordllama')})",
        sampled_rows=3,
        is_exact=True,
        error_percent=0.0,
        by_role={"assistant": 1, "user": 3},
        median=1,
        ninth_decile=2,
    )


def test_the_sample_is_the_same_however_the_rows_are_cut_into_batches() -> None:
    chance = Random(1)  # noqa: S311  # the same texts every time
    rows = [("user", "word " * chance.randint(1, 50)) for _ in range(200)]
    estimates = [count(rows, 20, batch_rows) for batch_rows in (1, 7, 200)]
    assert estimates[0] == estimates[1] == estimates[2]
    assert (estimates[0].sampled_rows, estimates[0].is_exact) == (20, False)


def test_the_sample_are_the_rows_with_the_least_hash_of_their_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mmh3.hash64", lambda name, **_: (abs(int(name[3:]) - 50), 0))
    counted = count([("user", "a" + " word" * number) for number in range(100)], 3)
    assert counted.median == 51
    assert counted.ninth_decile == 52


def test_an_estimate_is_near_the_count_by_about_its_standard_error() -> None:
    chance = Random(2)  # noqa: S311  # the same texts every time
    words = ["a", "sentence", "提问", "of", "words"]
    rows = [
        (("user", "assistant")[number % 2], " ".join(chance.choices(words, k=number % 90 + 1)))
        for number in range(400)
    ]
    exact, estimate = count(rows), count(rows, 60)
    whole, guess = (sum(each.by_role.values()) for each in (exact, estimate))
    assert 0 < estimate.error_percent < 5
    assert guess != whole
    assert abs(guess - whole) < 3 * estimate.error_percent / 100 * whole


def test_long_rows_are_counted_by_their_beginning() -> None:
    text = "all the same words " * 10_000
    counted = count([("user", text)])
    assert len(text) > 2 * ROW_CHARACTERS
    assert not counted.is_exact
    assert counted.error_percent == 0
    assert counted.median == counted.by_role["user"] == pytest.approx(40_000, rel=0.01)


def test_a_role_that_is_not_in_the_sample_has_tokens_like_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mmh3.hash64", lambda name, **_: (int(name.removeprefix("id-")), 0))
    counted = count([*[("user", "abcd")] * 8, ("tool", "abcd")], 4)
    assert counted.by_role["tool"] == counted.by_role["user"] // 8
