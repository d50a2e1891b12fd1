from time import process_time
from typing import Any

import pytest

from app.query.browsing.excerpts import COLUMNS, Excerpt, Passage, excerpts
from catalog.columns.arrow import to_arrow
from catalog.reading.scan import schema_of
from catalog.records import Contribution, Turn
from tests.factories import make_contribution


def excerpt_of(*conversation: Turn, q: str | None = None, **fields: Any) -> Excerpt:
    """Return the excerpt of a contribution with these turns."""
    made: Contribution = make_contribution(conversation=conversation, **fields)
    (found,) = excerpts(to_arrow([made]).select(schema_of(COLUMNS).names), q)
    return found


def text_of(passage: Passage) -> str:
    return "".join(piece.text for piece in passage.pieces)


def matches_of(passage: Passage) -> list[str]:
    return [piece.text for piece in passage.pieces if piece.is_match]


def test_an_excerpt_has_the_first_prompt_and_its_answer_on_a_line_each() -> None:
    found = excerpt_of(
        Turn("Be brief.", "system"),
        Turn("Why is\n\n the sky\tblue? ", "user"),
        Turn("Rayleigh.", "assistant", model="m-1", rating="positive"),
        Turn("Thanks", "user"),
    )
    prompt, answer = found.passages
    assert (prompt.place, prompt.role, text_of(prompt)) == (2, "user", "Why is the sky blue?")
    assert (answer.place, answer.role, text_of(answer)) == (3, "assistant", "Rayleigh.")
    assert (found.turns, found.models, found.ratings) == (4, ("m-1",), ("positive",))
    assert not (prompt.is_cut_before or prompt.is_cut_after)


def test_a_conversation_without_roles_begins_with_its_first_turn() -> None:
    (passage,) = excerpt_of(Turn("Hi", None)).passages
    assert (text_of(passage), passage.role) == ("Hi", None)


def test_long_texts_are_cut_between_words_and_endless_words_anywhere() -> None:
    found = excerpt_of(Turn("word " * 1_000, "user"), Turn("x" * 2_000_000, "assistant"))
    prompt, answer = found.passages
    assert prompt.is_cut_after
    assert set(text_of(prompt).split(" ")) == {"word"}
    assert (len(text_of(answer)), answer.is_cut_after) == (420, True)


def test_what_was_searched_for_is_marked_in_upper_and_lower_case() -> None:
    found = excerpt_of(Turn("A <b>Sky</b>, the sky", "user"), Turn("None", "assistant"), q="sKy")
    assert matches_of(found.passages[0]) == ["Sky", "sky"]
    assert text_of(found.passages[0]) == "A <b>Sky</b>, the sky"
    assert len(found.passages) == 2


LONG = "before " * 5_000 + "the (needle)" + " after" * 5_000


@pytest.mark.parametrize(
    "turn", [Turn(LONG, "assistant"), Turn("", "assistant", edited_content=LONG)]
)
def test_a_match_in_another_turn_or_far_down_is_shown_with_what_stands_around(turn: Turn) -> None:
    found = excerpt_of(Turn("Hi", "user"), Turn("Hello", "assistant"), turn, q="(needle)")
    passage = found.passages[2]
    assert passage.place == 3
    assert matches_of(passage) == ["(needle)"]
    assert passage.is_cut_before and passage.is_cut_after


def test_words_are_found_across_the_newlines_that_a_passage_lacks() -> None:
    found = excerpt_of(Turn("deep\n\nnets", "user"), q="deep\n\nnets")
    assert matches_of(found.passages[0]) == ["deep nets"]


def test_a_search_for_spaces_alone_marks_nothing() -> None:
    assert matches_of(excerpt_of(Turn("a b", "user"), q=" ").passages[0]) == []


def test_a_text_that_nearly_matches_everywhere_takes_no_longer_than_others() -> None:
    # A search by `re` compares 500 characters at each of 3 million: seconds, and not milliseconds.
    searched = "A" * 500 + "bc"
    taken_s = []
    # The first search has more to do than search.
    for text in ("z" * 3_000_000, "z" * 3_000_000, "a" * 3_000_000 + "bcd"):
        began_at = process_time()
        found = excerpt_of(Turn("Hi", "user"), Turn(text, "assistant"), q=searched)
        taken_s.append(process_time() - began_at)
    *others_s, nearly_s = taken_s
    assert nearly_s < 20 * min(others_s)
    assert found.passages[1].is_cut_before
    assert matches_of(found.passages[1]) == []


def test_a_match_is_found_behind_letters_of_several_bytes() -> None:
    found = excerpt_of(
        Turn("\N{LATIN SMALL LETTER E WITH ACUTE}" * 5_000 + " Needle", "user"), q="NEEDLE"
    )
    assert matches_of(found.passages[0]) == ["Needle"]
