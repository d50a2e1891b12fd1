import numpy as np

from app.curation.rules.curating.arrays import row_sums


def test_true_values_and_numbers_are_summed_alike_and_empty_rows_have_none() -> None:
    offsets = np.array([0, 0, 3, 3, 4, 4])
    holds = np.array([True, False, True, True])

    assert row_sums(holds, offsets).tolist() == [0, 2, 0, 1, 0]
    assert row_sums(holds.astype(np.int64), offsets).tolist() == [0, 2, 0, 1, 0]
    assert row_sums(holds[:0], np.array([0, 0])).tolist() == [0]
