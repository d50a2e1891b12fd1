"""Chats in Markdown: Aider's history, Cursor's exports, and transcripts."""

from pathlib import Path

import pytest

from chatlake_client.errors import UnreadableFileError
from tests.client.reading import read_all, texts

AIDER = """
# aider chat started at 2025-03-04 09:10:11

> /usr/bin/aider --model some-model\x20\x20
> Aider v0.77.0\x20\x20
> Main model: some-model with diff edit format\x20\x20

#### /add tea.py\x20\x20

> Added tea.py to the chat\x20\x20

#### Which tea?\x20\x20
#### Only one.\x20\x20

Green. Like this:

tea.md
```md
#### Green
> It is quiet.
```

It suits.

> Tokens: 2.1k sent, 30 received.\x20\x20
> Applied edit to tea.py\x20\x20

#### Thanks\x20\x20

> ^C again to exit\x20\x20

# aider chat started at 2025-03-05 09:00:00

> Aider v0.77.0\x20\x20

# aider chat started at 2025-03-06 09:00:00

#### /ask Why?\x20\x20

So.
"""
GREEN = "Green. Like this:\n\ntea.md\n```md\n#### Green\n> It is quiet.\n```\n\nIt suits."

CURSOR = """# Tea and code
_Exported on 3/4/2025 at 09:10:11 GMT+1 from Cursor (0.50.7)_

---

**User**

Which tea?

---

**Cursor**

Green.

---

A rule stands **above**.

---

**User**

Thanks
"""


def markdown(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_history_of_aider_holds_its_sessions(tmp_path: Path, newline: str) -> None:
    path = markdown(tmp_path / ".aider.chat.history.md", "")
    path.write_bytes(AIDER.replace("\n", newline).encode())
    (first, second), rejected, _ = read_all(path)
    assert rejected == []
    assert texts(first.turns) == [
        ("user", "Which tea?\nOnly one."),
        ("assistant", GREEN),
        ("user", "Thanks"),
    ]
    assert texts(second.turns) == [("user", "/ask Why?"), ("assistant", "So.")]
    assert (first.agent_id, first.created_at) == ("some-model", "2025-03-04T09:10:11Z")
    assert first.client
    assert (first.client.name, first.client.version) == ("Aider", "0.77.0")


def test_a_session_whose_code_does_not_end_is_refused_alone(tmp_path: Path) -> None:
    broken = AIDER.replace("quiet.\n```", "quiet.")
    (second,), (rejected,), _ = read_all(markdown(tmp_path / "history.md", broken))
    assert texts(second.turns)[1:] == [("assistant", "So.")]
    assert rejected.line == 1
    assert "a block of code doesn't end" in rejected.message


def test_an_export_of_cursor_is_one_conversation(tmp_path: Path) -> None:
    (found,), rejected, _ = read_all(markdown(tmp_path / "cursor_tea.md", CURSOR))
    assert rejected == []
    assert texts(found.turns) == [
        ("user", "Which tea?"),
        ("assistant", "Green.\n\n---\n\nA rule stands **above**."),
        ("user", "Thanks"),
    ]
    assert found.title == "Tea and code"
    assert found.client
    assert (found.client.name, found.client.version) == ("Cursor", "0.50.7")


def test_a_text_before_the_first_speaker_is_refused(tmp_path: Path) -> None:
    text = CURSOR.replace("---\n\n**User**", "Hello\n\n---\n\n**User**", 1)
    found, (rejected,), _ = read_all(markdown(tmp_path / "cursor.md", text))
    assert found == []
    assert "before the first speaker" in rejected.message


@pytest.mark.parametrize(
    "text",
    [
        "# Tea\n\n## User\n\nWhich?\n\n## Assistant\n\nGreen.\n",
        "**User:**\n\nWhich?\n\n---\n\n**Assistant:**\n\nGreen.\n\n---\n",
        "<!-- saved -->\n\n_**User (2025-01-01 10:00Z)**_\n\nWhich?\n\n---\n\n"
        "_**Agent (model m, mode Ask)**_\n\nGreen.\n",
        "##### You said:\nWhich?\n\n##### ChatGPT said:\nGreen.\n",
        "---\nepoch: 1700000000000\n---\n\n**user**: Which?\n[Timestamp: 2024]\n\n**ai**: Green.\n",
        "### USER\nWhich?\n\n### ASSISTANT\nGreen.\n",
    ],
)
def test_headings_and_bold_words_tell_who_speaks(text: str, tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    path.write_text(text, encoding="utf-8")
    (conversation,), _, _ = read_all(path)
    assert texts(conversation.turns) == [("user", "Which?"), ("assistant", "Green.")]


def test_other_words_and_forms_belong_to_what_is_said(tmp_path: Path) -> None:
    answer = "Two ways.\n\n## Answer\n\n**User:** is a word.\n\n```md\n#### You\n```"
    path = tmp_path / "chat.md"
    path.write_text(f"#### You\n\nWhich?\n\n#### ChatGPT\n\n{answer}\n", encoding="utf-8")
    (conversation,), _, _ = read_all(path)
    assert texts(conversation.turns) == [("user", "Which?"), ("assistant", answer)]


@pytest.mark.parametrize(
    "text",
    [
        "# Tool\n\n## Usage\n\nRun it.\n\n## Response\n\nIt answers.\n",
        "## Assistant\n\nGreen.\n\n## User\n\nWhich?\n",
        "## User\n\nOnly one speaks.\n",
    ],
)
def test_a_text_that_names_no_two_speakers_is_no_transcript(text: str, tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="no transcript in Markdown"):
        read_all(path)


def test_a_text_that_nobody_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    path.write_text("Hello!\n\n## User\n\nWhich?\n\n## Assistant\n\nGreen.\n", encoding="utf-8")
    _, (rejected,), _ = read_all(path)
    assert rejected.message == "'Hello!' stands before the first speaker: who says it?"
