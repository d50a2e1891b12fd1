import msgspec
import pyarrow as pa
import pytest

from app.ingest.decoding import canonical_json
from app.ingest.decoding.canonical_json import canonical_texts
from catalog.columns.arrow import to_arrow
from catalog.records import Turn
from tests.factories import make_contribution

_QUOTED = 'She said: "C:\\new".\n\t\x00\x1f\x7f'
CONVERSATIONS = [
    (Turn("Hi", role="user"), Turn("Hello", role="assistant", rating="positive")),
    (Turn(""),),
    (Turn(_QUOTED, role=_QUOTED, stopped=True, edited_content=_QUOTED), Turn("天空 🙂")),
    (Turn("a", edited_content=""), Turn("b", rating="negative"), Turn("c", role="user")),
    (Turn('"'), Turn("\\")),
]


def _column(conversations: list[tuple[Turn, ...]]) -> pa.LargeListArray:
    rows = to_arrow([make_contribution(conversation=turns) for turns in conversations])
    return rows["conversation"].combine_chunks()


def _written(conversations: list[tuple[Turn, ...]]) -> list[bytes]:
    return [msgspec.json.encode(turns, order="sorted") for turns in conversations]


@pytest.mark.parametrize("block_bytes", [1, 3, 1024])
def test_conversations_are_written_as_each_is_by_itself_however_their_text_is_cut(
    block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical_json, "_BLOCK_BYTES", block_bytes)
    texts = list(map(bytes, canonical_texts(_column(CONVERSATIONS))))
    assert texts == _written(CONVERSATIONS)


def test_some_of_the_conversations_of_a_column_are_written_as_they_are_in_it() -> None:
    column = _column(CONVERSATIONS)
    for start in range(len(CONVERSATIONS) + 1):
        some = canonical_texts(column[start : start + 2])
        assert list(map(bytes, some)) == _written(CONVERSATIONS[start : start + 2])


def test_many_roles_are_written_each_with_its_turn() -> None:
    conversations: list[tuple[Turn, ...]] = [
        (Turn("a", role=f"role {number}"), Turn("b", stopped=number % 2 == 0))
        for number in range(100)
    ]
    assert list(map(bytes, canonical_texts(_column(conversations)))) == _written(conversations)
