import hashlib

import pyarrow as pa
import pytest

from app.curation.rules.curating.prompts import normalised, prompt_hash
from app.releases.rows.splits import divide, first_prompt, split_prompts


def test_the_split_of_a_row_can_be_computed_from_its_prompt() -> None:
    prompts = [f"prompt{number}" for number in range(2000)]
    batch = pa.record_batch({"prompt": prompts})
    for percent in (0, 5, 50):
        splits = divide(batch, map(prompt_hash, prompts), percent)
        expected = [
            prompt
            for prompt in prompts
            if int(hashlib.sha256(prompt.encode()).hexdigest()[:8], 16) % 100 < percent
        ]
        assert splits["test"]["prompt"].to_pylist() == expected
        assert splits["train"].num_rows == 2000 - len(expected)
    assert 60 < divide(batch, map(prompt_hash, prompts), 5)["test"].num_rows < 140


@pytest.mark.parametrize(
    "prompts",
    [
        ["What is a lake?", "what is a  LAKE", "\u201cWhat is a lake?\u201d\n"],
        ["湖是什么!", "湖是什么", "「湖是什么」"],
        ["Stra\u00dfe 12?", "STRASSE \uff11\uff12", "strasse_12\x0b"],
    ],
)
def test_prompts_that_differ_in_case_spaces_and_punctuation_are_in_the_same_split(
    prompts: list[str],
) -> None:
    assert len(set(map(normalised, prompts))) == 1
    for percent in range(0, 100, 7):
        splits = divide(pa.record_batch({"prompt": prompts}), map(prompt_hash, prompts), percent)
        assert {rows.num_rows for rows in splits.values()} == {0, len(prompts)}


def test_other_prompts_are_told_apart_also_without_letters() -> None:
    prompts = ["a1", "a2", "?", "!", ""]
    assert len(set(map(normalised, prompts))) == len(prompts)


def test_the_first_prompt_is_what_the_user_says_first() -> None:
    said = [("system", "Be kind"), ("Human", "Hi"), ("assistant", "Hello"), ("user", "Bye")]
    messages = [{"role": role, "content": content} for role, content in said]
    assert first_prompt(messages) == "Hi"
    assert first_prompt(messages[:1]) == "Be kind"
    assert first_prompt([{"role": None, "content": None}]) == first_prompt([]) == ""


def test_the_prompt_of_a_group_counts_instead_of_a_rows_own() -> None:
    said = [[{"role": "user", "content": content}] for content in ("Hello, what?", "What?")]
    rows = pa.record_batch({"messages": said, "prompt_group": [prompt_hash("What?"), None]})
    assert list(split_prompts(rows, "messages")) == [prompt_hash("What?")] * 2
    alone = list(split_prompts(rows.select(["messages"]), "messages"))
    assert alone == [prompt_hash("Hello, what?"), prompt_hash("What?")]
