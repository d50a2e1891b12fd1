import json
from pathlib import Path

import pytest

from chatlake_client.containers.sniff import HEAD_CHARS, Kind, kind_of
from chatlake_client.containers.source import opened_sources
from chatlake_client.errors import UnreadableFileError
from chatlake_client.shapes.documents import is_header

ROW = {"messages": [{"role": "user", "content": "x"}]}
LONG = {"messages": [{"role": "user", "content": "x" * 2 * HEAD_CHARS}]}
TURNS = ROW["messages"]


def kind(path: Path, text: str) -> Kind:
    path.write_text(text, encoding="utf-8", newline="")
    with opened_sources(path) as sources:
        return kind_of(next(sources), is_header)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps(ROW), Kind.JSON),
        (json.dumps(LONG), Kind.JSON),
        (json.dumps([LONG, ROW]), Kind.JSON),
        (json.dumps([LONG, ROW], indent=1), Kind.JSON),
        (json.dumps(LONG, indent=1), Kind.JSON),
        (json.dumps([TURNS, TURNS]), Kind.JSON),
        ("[\n" + json.dumps(TURNS) + ",\n" + json.dumps(TURNS) + "\n]", Kind.JSON),
        (json.dumps(ROW, indent=1) + json.dumps(ROW, indent=1), Kind.JSON),
        ("\x1e" + json.dumps(ROW) + "\n\x1e" + json.dumps(ROW), Kind.JSON),
        (json.dumps(ROW) + "\n" + json.dumps(ROW), Kind.JSONL),
        (json.dumps(LONG) + "\n" + json.dumps(ROW), Kind.JSONL),
        (json.dumps(ROW) + "\r\n\r\n" + json.dumps(LONG), Kind.JSONL),
        (json.dumps(TURNS) + "\n" + json.dumps(TURNS), Kind.JSONL),
        ("[{broken]\n" + json.dumps(TURNS) + "\n" + json.dumps(TURNS), Kind.JSONL),
        ("[]\n" + json.dumps(LONG["messages"]), Kind.JSONL),
        ("prompt,chosen,rejected\na,b,c\n", Kind.CSV),
        ("question;chosen;rejected\na;b;c\n", Kind.CSV),
        ("sender,text,isCreatedByUser,messageId\n", Kind.CSV),
        ("", Kind.JSONL),
    ],
)
def test_the_kind_of_a_text_is_seen_in_it(text: str, expected: Kind, tmp_path: Path) -> None:
    assert kind(tmp_path / "rows", text) is expected


@pytest.mark.parametrize("text", ["Dear diary,\nhello\n", "a,b\n1,2\n", "<html>"])
def test_a_text_of_no_known_kind_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="neither JSON"):
        kind(tmp_path / "rows", text)
