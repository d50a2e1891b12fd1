"""Chats with Meta AI in Facebook's download."""

from typing import Any

import pytest

from chatlake_client.errors import RowError
from tests.client.reading import conversation_of, texts


def chat(*said: tuple[str, str]) -> Any:
    messages = [
        {"sender_name": name, "content": text, "timestamp_ms": 1700000000000 - place}
        for place, (name, text) in enumerate(said)
    ]
    return {"participants": [{"name": "Meta AI"}], "messages": messages}


def test_letters_are_mended_where_all_can_be() -> None:
    row = chat(("Meta AI", "GrÃ¼ner"), ("Jo", "Tee?"))
    assert texts(conversation_of(row).turns) == [("user", "Tee?"), ("assistant", "Grüner")]


def test_letters_stay_where_one_text_is_no_utf_8() -> None:
    row = chat(("Meta AI", "GrÃ¼ner"), ("Jo", "Grün?"))
    assert texts(conversation_of(row).turns) == [("user", "Grün?"), ("assistant", "GrÃ¼ner")]


def test_a_group_is_refused() -> None:
    with pytest.raises(RowError, match="2 people"):
        conversation_of(chat(("Meta AI", "a"), ("Jo", "b"), ("Sam", "c")))
