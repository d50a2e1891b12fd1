"""Compressed bodies in pieces, as they come from a network."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from app.api.inflate import PIECE_BYTES, Inflater
from app.ingest.errors import MalformedBody

EITHER = pytest.mark.parametrize("encoding", ["gzip", "zstd"])
COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}


def _inflate(encoding: str, pieces: list[bytes]) -> bytes:
    inflater = Inflater(encoding)
    text = b"".join(inflated for piece in pieces for inflated in inflater.feed(piece))
    inflater.finish()
    return text


def _cut(body: bytes, size: int) -> list[bytes]:
    return [body[i : i + size] for i in range(0, len(body), size)]


@EITHER
@given(parts=st.lists(st.binary(max_size=200), max_size=4), size=st.integers(1, 99))
def test_a_body_is_the_same_however_it_is_cut_and_of_how_many_parts_it_is(
    encoding: str, parts: list[bytes], size: int
) -> None:
    body = b"".join(map(COMPRESS[encoding], parts))
    assert _inflate(encoding, _cut(body, size)) == b"".join(parts)


@EITHER
def test_a_bomb_comes_in_bounded_pieces(encoding: str) -> None:
    inflater = Inflater(encoding)
    pieces = list(map(len, inflater.feed(COMPRESS[encoding](bytes(40 * PIECE_BYTES)))))
    inflater.finish()
    assert sum(pieces) == 40 * PIECE_BYTES
    assert max(pieces) <= PIECE_BYTES


@EITHER
def test_a_body_that_ends_too_soon_at_any_byte_is_malformed(encoding: str) -> None:
    body = COMPRESS[encoding](b"some text")
    for length in range(1, len(body)):
        with pytest.raises(MalformedBody, match=encoding):
            _inflate(encoding, [body[:length]])


@EITHER
@pytest.mark.parametrize("garbage", [b"garbage", b"\x00\x00", b"{}"])
def test_garbage_before_or_after_a_part_is_malformed(encoding: str, garbage: bytes) -> None:
    body = COMPRESS[encoding](b"some text")
    for wrong in (garbage, garbage + body, body + garbage):
        with pytest.raises(MalformedBody, match=encoding):
            _inflate(encoding, [wrong])


def test_what_zlib_calls_its_own_format_is_taken_for_gzip() -> None:
    assert _inflate("gzip", [zlib.compress(b"some text")]) == b"some text"
