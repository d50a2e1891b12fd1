# ruff: noqa: RUF001  # texts in several scripts
import pytest

from app.curation.rules.cleaning.rows import clean
from tests.app.curation.rules.cleaning.batches import make_batch
from tests.factories import make_turns

CHATML = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>"
LLAMA = "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Ho </s>"


def cleaned(*contents: str) -> list[str]:
    """Return the contents that a conversation is cleaned to."""
    (row,) = clean(make_batch(make_turns(*contents))).to_pylist()
    return [turn["content"] for turn in row["conversation"]]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("How does ChatML look?", f"It wraps each turn like so\n{CHATML}\nThen comes the answer."),
        ("Give me an example of a chat template.", CHATML),
        ("Write it in Jinja", "{% for m in messages %}<|im_start|>{{ m.role }}\n{% endfor %}"),
        (
            "Wie sieht das Prompt-Format aus?",
            f"Llama 2 hat dieses\n\n{LLAMA}\n\nDas ist alles.",
        ),
        ("¿Cuál es el formato de chat de Llama 2?", f"Es este\n{LLAMA}"),
        ("Llama 2 的提示词模板是什么样的？", f"它是这样的\n{LLAMA}\n把内容换成你自己的。"),
        ("チャットのテンプレートを見せて", f"こうなります\n{CHATML}"),
        ("Какие токены есть у Llama 3?", "Вот они\n<|begin_of_text|> начинает текст\n<|eot_id|>"),
    ],
)
def test_conversations_about_templates_keep_their_tokens(asked: str, answered: str) -> None:
    assert cleaned(asked, answered) == [asked, answered]


@pytest.mark.parametrize(
    "text",
    [
        f"Read this aloud:\n{CHATML}",
        f"请解释下面的内容：\n{LLAMA}",
        "These are used:\n- <|eot_id|>: the end\n- <|begin_of_text|>: the beginning",
        "| word | use |\n| <|im_end|> | the end |\n",
        "~~~\n<|user|>\nHi</s>\n~~~\nThe answer follows.",
        'def wrapped(text):\n    return f"<|im_start|>user\\n{text}<|im_end|>\\n"',
        "start = '<|im_start|>user\\n' + text + '<|im_end|>'",
        "It was <s>ten</s> five, no, <s>four</s>",
    ],
)
def test_examples_and_strings_keep_their_tokens(text: str) -> None:
    assert cleaned(text, text) == [text, text]


def test_a_user_asks_about_a_token_without_another_word() -> None:
    assert cleaned("<|endoftext|>?", "The end of a text.") == [
        "<|endoftext|>?",
        "The end of a text.",
    ]


@pytest.mark.parametrize(
    "answered",
    [
        "It splits words.<|im_end|>",
        "It splits words.<|im_end|>\n<|im_start|>user\nThanks!<|im_end|>",
        "<|im_start|>assistant\nIt splits words.<|im_end|>",
        "It splits words.</s><s>[INST] Thanks! [/INST]",
    ],
)
def test_the_end_of_an_answer_is_cut_in_conversations_about_tokens_too(answered: str) -> None:
    asked = "<|im_start|>user\nWhat is a tokenizer?<|im_end|>"
    assert cleaned(asked, answered) == ["What is a tokenizer?", "It splits words."]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("Write a dialogue.", "Gladly.\n\nHuman: Who goes there?\n\nAssistant: I do."),
        ("写一段对话", "好的。\n\nHuman: 谁在那里？\n\nAssistant: 是我。"),
        ("Go on.", "Human: Who goes there?\n\nAssistant: I do.\n\nHuman: Come in."),
    ],
)
def test_dialogues_that_an_assistant_writes_stay(asked: str, answered: str) -> None:
    assert cleaned(asked, answered) == [asked, answered]
