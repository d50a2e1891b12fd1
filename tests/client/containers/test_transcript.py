"""Plain texts with a word before what each speaker says."""

from pathlib import Path

import pytest

from chatlake_client.errors import UnreadableFileError
from tests.client.reading import read_all, texts

TALK = [("user", "Which tea?"), ("assistant", "Green.\n\nOr black."), ("user", "Thanks")]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "talk.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("user", "assistant"),
    [("User", "Assistant"), ("Human", "AI"), ("You", "ChatGPT"), ("USER", "ASSISTANT")],
)
def test_words_at_the_beginnings_of_lines_tell_who_speaks(
    tmp_path: Path, user: str, assistant: str
) -> None:
    text = f"{user}: Which tea?\n\n{assistant}:\nGreen.\n\nOr black.\n\n{user}: Thanks\n"
    (conversation,), rejected, _ = read_all(written(tmp_path, text))
    assert texts(conversation.turns) == TALK
    assert rejected == []


def test_a_system_prompt_may_stand_first(tmp_path: Path) -> None:
    text = "System: Be brief\nUser: Which tea?\nAssistant: Green."
    (conversation,), _, _ = read_all(written(tmp_path, text))
    assert [turn.role for turn in conversation.turns] == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("User: a\nAssistant: b\n\nUser: c", "only some marks follow an empty line"),
        ("User: a\nUser: b\nAssistant: c", "one speaks twice"),
        ("User: a\nAssistant: b\nHuman: c", "two words for the user"),
        ("User: a\n\nAssistant: b\n---\n\nUser: c", "is it another conversation"),
        ("User: a\nAssistant: b\nSystem: c", "not at its beginning"),
    ],
)
def test_a_mark_that_may_be_a_part_of_a_text_is_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    conversations, (rejected,), _ = read_all(written(tmp_path, text))
    assert conversations == []
    assert reason in rejected.message


@pytest.mark.parametrize(
    "text",
    [
        "Q: Which tea?\nA: Green.\n",
        "user: bob\nassistant: siri\n",
        "Assistant: Hello\nUser: Hi\n",
        "Jo: Hi\nSam: Hello\n",
        "A dialogue.\nUser: Hi\nAssistant: Hello\n",
    ],
)
def test_other_texts_are_no_transcripts(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableFileError, match="no transcript"):
        read_all(written(tmp_path, text))


def test_a_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_bytes("User: Tea?\nAssistant: Grün\n".encode("latin-1"))
    _, (rejected,), _ = read_all(path)
    assert "encoding" in rejected.message
