import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingest.content_hashes import ContentHasher, content_hash
from catalog.records import Turn

HASHER = ContentHasher()

_REFUSED = {chr(code) for code in range(0x20)} - set("\b\t\n\f\r")
_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(_REFUSED)), max_size=40
)
_TURN = st.builds(
    Turn,
    _TEXT,
    role=st.none() | _TEXT,
    rating=st.sampled_from([None, "positive", "negative"]),
    stopped=st.booleans(),
    edited_content=st.none() | _TEXT,
)


def _hashes(conversations: list[tuple[Turn, ...]]) -> list[str]:
    turns = [list(map(msgspec.to_builtins, conversation)) for conversation in conversations]
    fields = [
        pa.field(name, pa.bool_() if name == "stopped" else pa.large_string())
        for name in ("content", "role", "rating", "stopped", "edited_content")
    ]
    column = pa.array(turns, pa.list_(pa.struct(fields)))
    hashes: list[str] = HASHER.hash(column).to_pylist()
    return hashes


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(st.lists(_TURN, min_size=1, max_size=4).map(tuple), max_size=4))
def test_conversations_have_the_hashes_that_each_has_by_itself(
    conversations: list[tuple[Turn, ...]],
) -> None:
    assert _hashes(conversations) == list(map(content_hash, conversations))


def test_every_character_is_written_as_rfc_8785_writes_it() -> None:
    planes = [
        "".join(chr(code) for code in range(first, first + 0x100) if chr(code) not in _REFUSED)
        for first in range(0, 0x110000, 0x100)
        if not 0xD800 <= first < 0xE000
    ]
    conversations: list[tuple[Turn, ...]] = [(Turn(text),) for text in planes]
    assert _hashes(conversations) == list(map(content_hash, conversations))
