import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.bulk import read_lines
from app.ingest.errors import LimitExceeded


@given(st.lists(st.binary(max_size=9)), st.integers(1, 9))
def test_lines_are_the_same_however_they_are_cut_into_pieces(lines: list[bytes], size: int) -> None:
    text = b"\n".join(lines)
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    read = [line for found in read_lines(pieces, 1_000) for line in found]
    expected = text.split(b"\n")
    # There is no line after the last line feed.
    assert read == (expected if expected[-1] else expected[:-1])


@pytest.mark.parametrize("pieces", [[b"123456\n"], [b"1\n123", b"456"], [b"12345", b"6\n"]])
def test_a_line_past_the_limit_is_refused_as_soon_as_it_is_seen(pieces: list[bytes]) -> None:
    with pytest.raises(LimitExceeded, match="max_body_bytes = 5"):
        list(read_lines(pieces, 5))


def test_a_line_of_just_the_limit_is_read() -> None:
    assert list(read_lines([b"123", b"45\n1"], 5)) == [[b"12345"], [b"1"]]
