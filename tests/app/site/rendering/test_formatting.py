"""How pages write numbers, ids and messages."""

import pytest

from app.site.rendering.formatting import end_of, language, sentence


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("no release 'x'", "No release 'x'."),
        ("Is it there?", "Is it there?"),
        ("max_reads = 1 are running", "max_reads = 1 are running."),
    ],
)
def test_messages_become_sentences_and_names_of_settings_stay(message: str, shown: str) -> None:
    assert sentence(message) == shown


def test_a_language_that_was_not_recognised_is_said_in_words() -> None:
    assert (language("de"), language("und")) == ("de", "not recognised")


def test_ids_are_told_apart_by_their_ends() -> None:
    assert end_of("019cae6b-6600-7000-8000-000000000004") == "…000000000004"
