from random import Random

import pyarrow as pa
import pytest

from app.releases.rows.order import sort_day
from catalog.columns.arrow import to_arrow
from tests.app.releases.factories import FIRST_SCHEMA
from tests.batches import ROWS, cut, windows
from tests.factories import make_received


@pytest.mark.slow
def test_rows_of_any_batches_are_put_in_order() -> None:
    """A batch is empty when all of its rows are hidden."""
    made = [make_received(0, str(row)) for row in range(ROWS)]
    Random(1).shuffle(made)  # noqa: S311  # an order, not a secret
    (rows,) = to_arrow(made).select(FIRST_SCHEMA.names).cast(FIRST_SCHEMA).to_batches()
    for window in windows(rows):
        found = pa.Table.from_batches(sort_day(iter(cut(window)), FIRST_SCHEMA), FIRST_SCHEMA)
        assert found == pa.Table.from_batches([window]).sort_by("contribution_id")
