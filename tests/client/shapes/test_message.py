"""Messages: a short way for those that say no more than who speaks and what."""

from typing import Any, Final

import pytest

from chatlake_client.shapes import message as reader
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.meaning import Level

STATED: Final = {"role": "assistant", "content": "Green.", "weight": 1}


class Watched(dict[str, Any]):
    """An object that knows for which keys it was asked."""

    def __init__(self, value: dict[str, Any]) -> None:
        super().__init__(value)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Note the key, and return its value."""
        self.asked.add(key)
        return super().get(key, default)

    def pop(self, key: str, default: Any = None) -> Any:
        """Note the key, and take its value."""
        self.asked.add(key)
        return super().pop(key, default)


def keys_read() -> set[str]:
    watched = Watched(STATED)
    message = Fields(STATED, "", Level.TURN, Losses())
    message._left = watched  # the only way to see every key
    reader.turns_of_message(message)
    return watched.asked


def test_the_short_way_passes_over_no_key_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    short = keys_read()
    known = reader.MORE_KEYS
    monkeypatch.setattr(reader, "MORE_KEYS", frozenset({"weight"}))
    assert keys_read() - short <= known
