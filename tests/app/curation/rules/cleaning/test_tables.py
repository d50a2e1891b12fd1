import numpy as np
import pyarrow as pa

from app.curation.rules.cleaning.masks.order import KINDS
from app.curation.rules.cleaning.tables import cleaned_texts


def test_equal_texts_are_cleaned_alike_and_each_is_counted() -> None:
    address = "Write to ada@quillmere.net about it."
    texts = pa.array([address, None, "Hello", address], pa.large_string())

    cleaned, counts = cleaned_texts(texts, None)

    masked = "Write to <EMAIL> about it."
    assert cleaned.to_pylist() == [masked, None, "Hello", masked]
    assert counts[:, KINDS.index("email")].tolist() == [1, 0, 0, 1]


def test_texts_that_are_all_null_stay_so() -> None:
    cleaned, counts = cleaned_texts(pa.nulls(2, pa.large_string()), None)

    assert cleaned.to_pylist() == [None, None]
    assert not np.any(counts)
