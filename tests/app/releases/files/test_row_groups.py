from random import Random

import pyarrow as pa
import pytest

from app.releases.files.row_groups import RowGroups
from catalog.columns.arrow import to_arrow
from catalog.schema import ARROW_SCHEMA
from tests.batches import cut
from tests.factories import make_received


def grouped(batches: list[pa.RecordBatch], **limits: int) -> list[pa.Table]:
    """Return the row groups that batches are cut into."""
    groups = RowGroups(ARROW_SCHEMA, **limits)
    return [group for batch in batches for group in groups.add(batch)] + [*groups.rest()]


@pytest.mark.slow
def test_row_groups_do_not_depend_on_the_batches_of_rows() -> None:
    random = Random(0)  # noqa: S311  # sizes, not secrets
    rows = to_arrow([make_received(0, "x" * random.randint(0, 300)) for _ in range(500)])
    (whole,) = rows.combine_chunks().to_batches()
    expected = grouped([whole], max_rows=40, max_bytes=4000)
    assert {group.num_rows for group in expected} != {40}
    assert pa.concat_tables(expected).equals(rows)
    for size in (1, 7, 64):
        found = grouped(cut(whole, size), max_rows=40, max_bytes=4000)
        assert [group.num_rows for group in found] == [group.num_rows for group in expected]
        for one, other in zip(found, expected, strict=True):
            assert one.equals(other)
            assert one["conversation"].num_chunks == 1


def test_a_group_ends_at_its_maximum_of_rows_or_bytes() -> None:
    sizes = [10, 10, 100, 10, 10, 10, 10]
    rows = to_arrow([make_received(0, "x" * size) for size in sizes])
    groups = grouped(rows.to_batches(), max_rows=3, max_bytes=100)
    # The role of each turn counts, too, with 4 bytes.
    assert [group.num_rows for group in groups] == [3, 3, 1]
    assert grouped([], max_rows=3) == []
    assert grouped(cut(rows.to_batches()[0].slice(3, 0)), max_rows=3) == []
