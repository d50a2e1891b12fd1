import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingest.decoding.content_hashes import content_hash, content_hashes
from catalog.columns.arrow import to_arrow
from catalog.records import Turn
from tests.factories import make_contribution
from tests.strategies import conversations, rich_conversations

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def _hashes(conversations: list[tuple[Turn, ...]]) -> list[str]:
    rows = to_arrow([make_contribution(conversation=turns) for turns in conversations])
    hashes: list[str] = content_hashes(rows["conversation"].combine_chunks()).to_pylist()
    return hashes


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(conversations(_TEXT, 1) | rich_conversations(_TEXT), max_size=4))
def test_conversations_have_the_hashes_that_each_has_by_itself(
    several: list[tuple[Turn, ...]],
) -> None:
    assert _hashes(several) == list(map(content_hash, several))


@pytest.mark.slow
def test_every_character_is_written_as_rfc_8785_writes_it() -> None:
    planes = [
        "".join(map(chr, range(first, first + 0x100)))
        for first in range(0, 0x110000, 0x100)
        if not 0xD800 <= first < 0xE000
    ]
    several: list[tuple[Turn, ...]] = [(Turn(text),) for text in planes]
    assert _hashes(several) == list(map(content_hash, several))
