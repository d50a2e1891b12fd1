import pyarrow as pa
import pytest

from app.query.row_index.positions import bucket_of, gather, positions_in

ADA, BOB, FOREIGN = "ad" * 16, "b0" * 32, "of another engine"
COLUMN = [ADA, None, BOB, ADA, FOREIGN, None, ADA]


@pytest.mark.parametrize("value", [ADA, BOB, FOREIGN, "ad" * 5 + "0" * 22, "c" * 32])
@pytest.mark.parametrize("cut", [0, 3, len(COLUMN)])
def test_positions_are_those_of_the_rows_with_a_value(value: str, cut: int) -> None:
    columns = [pa.array(each, pa.large_string()) for each in (COLUMN[:cut], COLUMN[cut:])]
    found = positions_in(gather(columns).get(bucket_of(value), b""), value)
    # What begins alike is found too.
    alike = {ADA: ADA, "ad" * 5 + "0" * 22: ADA}.get(value, value)
    assert found.to_pylist() == [row for row, each in enumerate(COLUMN) if each == alike]


def test_a_column_without_values_has_no_buckets() -> None:
    assert gather([]) == {}
    assert gather([pa.nulls(3, pa.large_string())]) == {}
