import numpy as np
import pyarrow as pa
import pytest

from app.maps.points.sampling import spread_evenly, take_rows
from tests.batches import FEW_ROWS, cut


def test_chosen_rows_are_evenly_spread() -> None:
    assert spread_evenly(3, 5).tolist() == [0, 1, 2]
    assert spread_evenly(10, 5).tolist() == [0, 2, 4, 6, 8]
    chosen = spread_evenly(1_000_003, 1000)
    assert len(set(chosen.tolist())) == 1000
    assert set(np.diff(chosen)) <= {1000, 1001}


@pytest.mark.parametrize("batch_rows", [*FEW_ROWS, 10])
def test_chosen_rows_are_counted_over_all_batches(batch_rows: int) -> None:
    rows = pa.record_batch({"row": list(range(10))})
    taken = take_rows(cut(rows, batch_rows), np.array([0, 3, 4, 9]))
    assert [row for batch in taken for row in batch["row"].to_pylist()] == [0, 3, 4, 9]
