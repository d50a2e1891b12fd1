import pyarrow as pa
import pytest

from app.ingest.decoding.buffers import buffer_of, joined


def test_pieces_are_joined_in_their_order() -> None:
    assert joined([b"ab", b"", b"c"]).to_pybytes() == b"abc"
    assert joined([]).to_pybytes() == b""


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["ab", None, "", "\u20ac", "c"]])
def test_texts_are_found_in_their_buffer_also_in_a_slice(texts: list[str | None]) -> None:
    column = pa.array(["before", *texts, "after"], pa.large_string())
    for some in (column[1:-1], pa.array(texts, pa.large_string())):
        bounds, text = buffer_of(some)
        found = [
            text[start:end].to_pybytes().decode()
            for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        ]
        assert found == [value or "" for value in texts]
