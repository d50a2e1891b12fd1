from uuid import uuid4

import pyarrow.dataset as ds

from app.services import Services
from catalog.columns.arrow import to_arrow
from catalog.reading.staged_rows import read_staged
from catalog.table import load_table
from catalog.writing.staging import StagedFiles
from tests.factories import make_received


def test_rows_of_staged_files_are_read_by_a_condition_also_where_a_column_is_not_filled(
    services: Services,
) -> None:
    table = load_table(services.catalog)
    made = [
        make_received(0),
        make_received(1, contributor_id="eve"),
        make_received(1, contributor_id="bob"),
    ]
    staged = StagedFiles(table, uuid4())
    for each in (made[:1], made[1:]):
        staged.write(to_arrow(each))
        staged.end_file()
    files = staged.finish()
    assert len(files) == 2
    columns = ["contribution_id", "contributor_id"]
    batches = read_staged(table, files, columns, ds.field("contributor_id").isin(["eve"]))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert rows == [{"contribution_id": made[1].contribution_id, "contributor_id": "eve"}]
