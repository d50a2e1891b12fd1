import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.errors import LimitExceeded
from app.ingest.uploads import lines
from app.ingest.uploads.lines import LineCutter, Lines

_SPACE_AND_BRACES = st.lists(st.sampled_from(list(b" \t\r\x0b\x0c{}ax\x00\x1c")), max_size=6)


def _cut(pieces: list[bytes], max_line_bytes: int = 1_000) -> list[Lines]:
    cutter = LineCutter(max_line_bytes)
    return [*(chunk for piece in pieces for chunk in cutter.feed(piece)), *cutter.finish()]


@pytest.mark.slow
@given(
    st.lists(_SPACE_AND_BRACES.map(bytes)), st.integers(1, 9), st.integers(1, 30), st.integers(1, 5)
)
def test_lines_are_the_same_however_they_are_cut_into_pieces(
    written: list[bytes], piece_bytes: int, chunk_bytes: int, chunk_lines: int
) -> None:
    text = b"\n".join(written)
    pieces = [text[i : i + piece_bytes] for i in range(0, len(text), piece_bytes)]
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(lines, "CHUNK_BYTES", chunk_bytes)
        patching.setattr(lines, "CHUNK_LINES", chunk_lines)
        chunks = _cut(pieces)
    assert all(0 < len(chunk) <= chunk_lines for chunk in chunks)
    filled = [(n, line) for n, line in enumerate(written, 1) if line and not line.isspace()]
    assert [pair for chunk in chunks for pair in zip(chunk.numbers, chunk, strict=True)] == filled
    stripped = [line.strip() for _, line in filled]
    assert [bool(is_braced) for chunk in chunks for is_braced in chunk.are_braced] == [
        line[:1] == b"{" and line[-1:] == b"}" for line in stripped
    ]


def test_some_of_the_lines_have_the_text_from_the_first_to_the_last_of_them() -> None:
    (chunk,) = _cut([b"{1}\n\n{2}\n \r\n{3}\n{4}"])
    some = chunk[1:3]
    assert (list(some), some.numbers.tolist()) == ([b"{2}", b"{3}"], [3, 5])
    assert (bytes(some.span), some.max_bytes, len(some)) == (b"{2}\n \r\n{3}\n", 3, 2)
    assert (bytes(chunk[2:2].span), chunk[2:2].max_bytes) == (b"", 0)


def test_a_chunk_comes_as_soon_as_enough_waits_and_never_with_a_part_of_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", 4)
    cutter = LineCutter(1_000)
    assert [cutter.feed(piece) for piece in (b"{", b"12345")] == [[], []]
    (first,) = cutter.feed(b"}\n{")
    assert list(first) == [b"{12345}"]
    (last,) = cutter.finish()
    assert list(last) == [b"{"]
    assert cutter.finish() == []


@pytest.mark.parametrize("pieces", [[b"1\n123", b"456"], [b"1\n", b"\n123456"], [b"123456"]])
def test_an_unfinished_line_past_the_limit_is_refused_as_soon_as_it_is_seen(
    pieces: list[bytes],
) -> None:
    cutter = LineCutter(5)
    with pytest.raises(LimitExceeded, match="max_body_bytes = 5"):
        for piece in pieces:
            cutter.feed(piece)


def test_a_line_past_the_limit_is_named() -> None:
    with pytest.raises(LimitExceeded, match=r"^line 3 exceeds max_body_bytes = 5"):
        _cut([b"1\n\n123", b"456\n"], 5)


def test_a_line_of_just_the_limit_is_read() -> None:
    (chunk,) = _cut([b"123", b"45\n1"], 5)
    assert list(chunk) == [b"12345", b"1"]


def test_numbers_go_on_after_blank_lines_that_fill_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", 3)
    chunks = _cut([b"\n \n", b"\r\n\n", b"{}\n", b"{}"])
    assert [number for chunk in chunks for number in chunk.numbers] == [5, 6]


def test_packed_lines_are_the_same_without_what_is_between_them() -> None:
    (chunk,) = _cut([b"{1}\n\n{2}\n \r\n{33}\r\n{4}"])
    packed = chunk[chunk.numbers != 3].packed()
    assert bytes(packed.span) == b"{1}\n{33}\r\n{4}\n"
    assert (list(packed), packed.numbers.tolist()) == ([b"{1}", b"{33}\r", b"{4}"], [1, 5, 6])
    assert bytes(chunk[2:2].packed().span) == b""
