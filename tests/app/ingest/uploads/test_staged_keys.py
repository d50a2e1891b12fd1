import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from app.ingest.uploads.staged_keys import StagedKeys


@pytest.fixture
def staged() -> Iterator[StagedKeys]:
    """Staged keys without any key yet."""
    made = StagedKeys()
    yield made
    made.close()


def test_a_key_that_is_there_keeps_its_first_id_and_is_not_new(staged: StagedKeys) -> None:
    assert staged.add({b"one": "1", b"two": "2"}) == {b"one", b"two"}
    assert staged.add({b"two": "another", b"three": "3"}) == {b"three"}
    assert list(staged.pieces(10)) == [{b"one": "1", b"three": "3", b"two": "2"}]


def test_all_keys_come_in_pieces_in_their_order(staged: StagedKeys) -> None:
    ids = {number.to_bytes(4, "big"): str(number) for number in range(7)}
    staged.add(dict(reversed(ids.items())))
    pieces = list(staged.pieces(3))
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    assert [item for piece in pieces for item in piece.items()] == list(ids.items())


def test_no_keys_make_no_piece(staged: StagedKeys) -> None:
    assert not staged.add({})
    assert not list(staged.pieces(3))


def test_a_full_disk_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    small = sqlite3.connect("", isolation_level=None)
    small.execute("PRAGMA max_page_count = 3")
    monkeypatch.setattr(sqlite3, "connect", lambda *_args, **_options: small)
    with closing(StagedKeys()) as staged, pytest.raises(OSError, match="full"):
        staged.add({number.to_bytes(32, "big"): str(number) for number in range(1_000)})
