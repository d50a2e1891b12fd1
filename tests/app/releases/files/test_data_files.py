from pathlib import Path

import pyarrow.parquet as pq

from app.releases.service import Releases
from catalog.snapshots import Snapshot
from tests.app.releases.factories import make_recipe


def test_parquet_files_have_a_page_index(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    releases.build(make_recipe(stage="curated"), snapshot)
    row_group = pq.read_metadata(
        releases_folder / "first" / "parquet" / "train-00000.parquet"
    ).row_group(0)
    columns = [row_group.column(number) for number in range(row_group.num_columns)]
    assert all(column.has_offset_index and column.has_column_index for column in columns)
