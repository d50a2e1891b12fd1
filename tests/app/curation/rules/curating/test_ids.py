from hashlib import sha256
from uuid import uuid4

import numpy as np
import pyarrow as pa

from app.curation.rules.curating.ids import (
    NOBODY,
    id_numbers,
    id_texts,
    name_hashes,
    random_ends,
    sha256_numbers,
)


def test_ids_are_the_same_after_they_were_numbers() -> None:
    ids = pa.array([str(uuid4()) for _ in range(20)] + [f"{0:08}-0000-7000-8000-{0:012}"])
    numbers = id_numbers(ids)
    assert id_texts(numbers).to_pylist() == ids.to_pylist()
    assert random_ends(numbers).tolist() == [int(name[-12:], 16) for name in ids.to_pylist()]
    assert id_texts(id_numbers(ids[:0])).to_pylist() == []


def test_a_content_hash_is_its_first_sixteen_bytes() -> None:
    digests = [sha256(bytes([number])).digest() for number in range(5)]
    numbers = sha256_numbers(pa.array([digest.hex() for digest in digests]))
    assert numbers.astype(">u8").tobytes() == b"".join(digest[:16] for digest in digests)


def test_names_have_a_hash_each_and_null_has_none() -> None:
    names = ["ada", None, "eve", "ada", ""]
    hashes = name_hashes(pa.array(names, pa.large_string()))
    assert hashes.dtype == np.int64
    assert hashes[0] == hashes[3] != hashes[2]
    assert (hashes == NOBODY).tolist() == [name is None for name in names]
