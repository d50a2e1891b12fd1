from pathlib import Path

import pytest

from app.releases.descriptions.datasheet import (
    MAX_DATASHEET_BYTES,
    NO_DATASHEET,
    QUESTIONS,
    read_datasheet,
    template,
)
from app.settings import SettingsError


def written(folder: Path, content: bytes | str) -> Path:
    """Return the path of a file with this content."""
    path = folder / "datasheet.md"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_answers_are_read_by_part_and_question(tmp_path: Path) -> None:
    text = "Not for others.\n## What for\n### Why?\n\nFor *all*.\n\nReally.\n### Who?\n## By whom\n"
    datasheet = read_datasheet(written(tmp_path, text))
    assert datasheet.parts == {"What for": {"Why?": "For *all*.\n\nReally."}}


def test_the_template_asks_every_question_and_answers_none(tmp_path: Path) -> None:
    page = template()
    for part, questions in QUESTIONS.items():
        assert f"\n## {part}\n" in page
        for question in questions:
            assert f"\n### {question.text}\n" in page
    assert read_datasheet(written(tmp_path, page)) == NO_DATASHEET


def test_answers_to_questions_of_the_template_have_terms(tmp_path: Path) -> None:
    page = template()
    for question, answer in {
        "What must it not be used for?": "Spam.",
        "Which mistakes and disturbances are known in it?": "None.",
        "Who paid for it?": "Ada.",
    }.items():
        page = page.replace(f"### {question}\n", f"### {question}\r\n{answer}\r\n")
    datasheet = read_datasheet(written(tmp_path, "\ufeff" + page))
    assert datasheet.by_term() == {"dataLimitations": ["None.", "Spam."]}
    assert sum(map(len, datasheet.parts.values())) == 3


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_blank_file_has_no_answers(tmp_path: Path, content: str) -> None:
    assert read_datasheet(written(tmp_path, content)) == NO_DATASHEET
    assert read_datasheet(None) == NO_DATASHEET


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("just text", "has no question; `scripts/lake datasheet` prints a template"),
        ("## A part\n", "has no question"),
        ("text\n### Why?\nSo.", "line 2: a question before a part"),
        ("## A part\n\nSo.\n### Why?", "line 3: an answer without a question"),
        (b"## A part\n### Why?\n\xff", "isn't text in UTF-8: invalid start byte"),
        ("## A\n### B\n" + "x" * MAX_DATASHEET_BYTES, f"has more than {MAX_DATASHEET_BYTES} bytes"),
    ],
)
def test_a_file_that_is_no_datasheet_is_an_error_of_the_setting(
    tmp_path: Path, content: bytes | str, problem: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(SettingsError) as raised:
        read_datasheet(path)
    assert raised.value.variable == "CHATLAKE_DATASHEET"
    assert str(path) in raised.value.problem
    assert problem in raised.value.problem


def test_a_file_that_cannot_be_read_is_an_error_of_the_setting(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.md", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError, match=reason):
            read_datasheet(path)
