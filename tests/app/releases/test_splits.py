import hashlib

import pyarrow as pa

from app.releases.splits import divide


def test_the_split_of_a_row_can_be_computed_from_its_text() -> None:
    ids = [f"id-{number}" for number in range(2000)]
    batch = pa.record_batch({"contribution_id": ids})
    for percent in (0, 5, 50):
        splits = divide(batch, ids, percent)
        expected = [
            id_
            for id_ in ids
            if int(hashlib.sha256(id_.encode()).hexdigest()[:8], 16) % 100 < percent
        ]
        assert splits["test"]["contribution_id"].to_pylist() == expected
        assert splits["train"].num_rows == 2000 - len(expected)
    assert 60 < divide(batch, ids, 5)["test"].num_rows < 140
