import pytest

from app.curation.rules.cleaning.mentioned_tokens import Topics
from app.curation.rules.cleaning.rows import clean
from app.curation.rules.cleaning.transcripts import split_transcript
from tests.app.curation.rules.cleaning.batches import make_batch
from tests.factories import make_turns


def turns(asked: str, answered: str) -> list[str]:
    """Return the contents that a conversation of two turns is cleaned to."""
    (row,) = clean(make_batch(make_turns(asked, answered))).to_pylist()
    return [turn["content"] for turn in row["conversation"]]


@pytest.mark.parametrize(
    "answered",
    [
        "Grön.<|endoftext|>",
        "Grön.</s>",
        "Grön. </s><s>[INST] Och nu? [/INST] Blå.</s>",
        "Grön.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nOch nu?",
        "Grön.<end_of_turn>\n<start_of_turn>user\nOch nu?",
        "<|im_start|>assistant\nGrön.<|im_end|>",
        "<|im_start|>assistant<|im_sep|>Grön.<|im_end|>",
        "Assistant: Grön.",
        "Grön.\n\nHuman: Och nu?\n\nAssistant: Blå.",
        "### Assistant: Grön.\n### Human: Och nu?\n### Assistant: Blå.",
        "<|MOSS|>: Grön.<eom>",
        "Grön.<\uff5cend\u2581of\u2581sentence\uff5c>",
    ],
)
def test_of_an_answer_only_what_stands_before_its_end_stays(answered: str) -> None:
    assert turns("Vilken färg?", answered) == ["Vilken färg?", "Grön."]


@pytest.mark.parametrize("ends", ["</s>" * 50_000, "</s>\n" * 40_000, "</s><s>" * 5_000])
def test_an_end_that_a_model_repeats_by_thousands_is_cut_in_linear_time(ends: str) -> None:
    """A search for each of them would take minutes."""
    assert turns("Vilken färg?", f"Grön.{ends}") == ["Vilken färg?", "Grön."]
    assert turns("Vilken färg?", f"{'<s>' * 50_000}Grön.") == ["Vilken färg?", "Grön."]
    assert turns("Human: " * 20_000 + "Vilken färg?", "Grön.") == ["Vilken färg?", "Grön."]


def test_each_end_in_a_row_is_counted() -> None:
    (row,) = clean(make_batch(make_turns("Vilken färg?", "<s><s>Grön.</s></s> </s>"))).to_pylist()
    assert row["cut_tokens"] == 5


@pytest.mark.parametrize(
    "asked",
    [
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n"
        "<|im_start|>user\nAgain<|im_end|>\n<|im_start|>assistant\n",
        "<s>[INST] Hi [/INST] Ho </s><s>[INST] Again [/INST]",
        "[INST] Hi [/INST] Ho </s><s>[INST] Again</s>",
        "Human: Hi\n\nAssistant: Ho\n\nHuman: Again\n\nAssistant:",
        "### Human: Hi ### Assistant: Ho ### Human: Again",
        "<|user|>\nHi<|end|>\n<|assistant|>\nHo<|end|>\n<|user|>\nAgain<|end|>",
        "<|Human|>: Hi<eoh>\n<|MOSS|>: Ho<eom>\n<|Human|>: Again<eoh>",
    ],
)
def test_a_transcript_is_split_into_its_turns(asked: str) -> None:
    assert turns(asked, "Bye") == ["Hi", "Ho", "Again", "Bye"]


@pytest.mark.parametrize(
    "text",
    [
        "The token `<|endoftext|>` ends a document.",
        "What does \u201c<|im_end|>\u201d mean here?",
        "Print it:\n```python\nprint('a</s>')\ntoken = \"<|im_start|>\"\n```",
        "The <|endoftext|> token ends a document.",
        "Write [INST] before it, and [/INST] after it.",
        "<p>It was <s>ten</s> five pounds.</p>",
        "Here is a dialogue:\n\nHuman: Hi!\n\nAssistant: Hello!",
    ],
)
def test_texts_about_tokens_keep_them(text: str) -> None:
    assert turns(text, text) == [text, text]


def test_an_answer_that_breaks_off_at_a_colon_ends_there() -> None:
    assert turns("Which ones?", "These:<|im_end|>\n<|im_start|>user\nGo on") == [
        "Which ones?",
        "These:",
    ]


@pytest.mark.parametrize("text", ["Grön." + "</s>" * 10_000, "<s>" * 10_000 + "Grön."])
def test_a_run_of_tokens_is_cut_whole(text: str) -> None:
    topics = Topics(said=lambda: "", asked=lambda: "")

    assert split_transcript(text, "assistant", topics) == ([("assistant", "Grön.")], 10_000)
