from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.curation.errors import TextsMissing
from app.curation.rules.curating.columns import StoredColumns
from app.curation.rules.curating.duplicates import reading
from app.curation.rules.curating.facts import PROMPT_FACTS, Facts
from app.curation.rules.curating.ids import id_texts
from app.curation.rules.curating.prompt_groups import prompt_groups, prompts_of
from app.curation.rules.curating.prompts import prompt_hash
from app.curation.rules.interface import TextReader
from tests.app.curation.rules.curating.making import (
    NO_RULES,
    TextWriter,
    decided_table,
    facts,
    in_order,
    reader,
    row_id,
    turns,
)

QUESTIONS = {
    "en": ("Who carries the post to the island in winter?", "Hello! {}", "Who sweeps the pier?"),
    "de": ("Wer bringt im Winter die Post auf die Insel?", "{} Danke", "Wer fegt den Steg?"),
    "ru": ("Кто зимой возит почту на остров?", "Привет! {}", "Кто подметает причал?"),
    "zh": ("冬天是谁把邮件送到那座小岛上的呢?", "你好!{}", "谁打扫码头?"),
    "th": ("ใครส่งจดหมายไปที่เกาะในฤดูหนาว", "ช่วยหน่อย {}", "ใครกวาดท่าเรือ"),
}


def grouped(given_facts: pa.Table, texts: TextReader) -> dict[str, int]:
    """Return the group of each row whose group isn't its own prompt."""
    with StoredColumns() as columns:
        stored = Facts(columns)
        stored.store_prompts(in_order(given_facts).select(PROMPT_FACTS).to_batches())
        hashes, ids = stored.numbers("prompt"), id_texts(stored.ids()).to_pylist()
        prompts = prompts_of(stored, np.arange(len(hashes)), texts)
        groups, _ = prompt_groups(prompts, NO_RULES.min_similarity)
    others = np.flatnonzero(groups != hashes).tolist()
    return {ids[row]: int(groups[row]) for row in others}


def groups_of(*said: str, **columns: Any) -> list[int | None]:
    """Return the group of each row with this first prompt; None where it is its own prompt."""
    conversations = [turns(text, f"Answer {place}") for place, text in enumerate(said)]
    groups = grouped(facts(conversations, **columns), reader(conversations))
    return [groups.get(row_id(place)) for place in range(len(said))]


@pytest.mark.slow
@pytest.mark.parametrize("language", QUESTIONS)
def test_prompts_that_are_alike_are_of_the_group_of_the_first(language: str) -> None:
    prompt, greeting, other = QUESTIONS[language]
    group = prompt_hash(prompt)
    assert groups_of(prompt, other, prompt, prompt.upper()) == [None, None, None, None]
    assert groups_of(prompt, greeting.format(prompt), other) == [None, group, None]
    greeted = prompt_hash(greeting.format(prompt))
    assert groups_of(other, greeting.format(prompt), prompt) == [None, None, greeted]


def test_a_misspelling_is_alike_and_another_word_or_number_is_not() -> None:
    prompt = "Which of the 12 harbours has the oldest crane?"
    assert groups_of(prompt, prompt.replace("harbours", "harbous")) == [None, prompt_hash(prompt)]
    others = [prompt.replace("oldest", "newest"), prompt.replace("12", "13")]
    assert groups_of(prompt, *others) == [None] * 3


def test_prompts_that_are_alike_through_others_are_of_one_group() -> None:
    words = "Who carries the post to the island when the sea is rough and cold"
    ends = [f"Dear friend of mine {words}", words, f"{words} please tell me now"]
    assert groups_of(ends[0], ends[2]) == [None, None]
    assert groups_of(ends[0], ends[2], ends[1]) == [None, *[prompt_hash(ends[0])] * 2]


def test_only_one_text_of_each_prompt_is_read_whatever_the_size_of_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = TextWriter("english", 9)
    said = [writer.text(writer.sentences(2)) for _ in range(30)]
    said += [f"Please: {text}" for text in said[::3]] + said
    conversations = [turns(text, f"Answer {place}") for place, text in enumerate(said)]
    given_facts, asked = facts(conversations), list[str]()

    def texts(ids: Any, columns: Any) -> Any:
        asked.extend(ids)
        return reader(conversations)(ids, columns)

    at_once = grouped(given_facts, texts)
    assert len(at_once) == 10
    assert len(set(asked)) == len(asked) <= 40
    monkeypatch.setattr(reading, "CHUNK_WORDS", 100)
    assert grouped(given_facts, texts) == at_once
    with pytest.raises(TextsMissing):
        grouped(given_facts, lambda *_: iter(()))


def test_dropped_rows_have_no_group_and_decisions_have_both() -> None:
    prompt, greeting, _ = QUESTIONS["en"]
    said = [(prompt, "Ada"), (prompt, "Ada"), (greeting.format(prompt), "Another one")]
    conversations = [turns(*texts) for texts in said]
    given_facts = facts(conversations, content_hash=["a", "a", "b"])
    decided = decided_table(given_facts, reader(conversations), NO_RULES).to_pylist()
    told = [(row["contribution_id"], row["reason"], row["prompt_group"]) for row in decided]
    assert told == [(row_id(1), "duplicate", None), (row_id(2), None, prompt_hash(prompt))]
    assert decided_table(facts([]), reader([]), NO_RULES).num_rows == 0
    assert grouped(facts([]), reader([])) == {}
