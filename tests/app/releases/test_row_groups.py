import hashlib
from random import Random

import pyarrow as pa

from app.releases.row_groups import RowGroups
from app.releases.rows import published_arrow_schema
from app.releases.splits import divide
from catalog.arrow import to_arrow
from catalog.schema import ARROW_SCHEMA
from tests.batches import cut
from tests.factories import make_received


def grouped(batches: list[pa.RecordBatch], **limits: int) -> list[pa.Table]:
    """Return the row groups that batches are cut into."""
    groups = RowGroups(ARROW_SCHEMA, **limits)
    return [group for batch in batches for group in groups.add(batch)] + [*groups.rest()]


def test_groups_end_at_the_same_rows_however_the_rows_come() -> None:
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


def test_a_group_has_no_more_rows_and_ends_with_the_row_that_fills_it() -> None:
    sizes = [10, 10, 100, 10, 10, 10, 10]
    rows = to_arrow([make_received(0, "x" * size) for size in sizes])
    groups = grouped(rows.to_batches(), max_rows=3, max_bytes=100)
    # The role of each turn counts too: it has 4 letters.
    assert [group.num_rows for group in groups] == [3, 3, 1]
    assert grouped([], max_rows=3) == []
    assert grouped(cut(rows.to_batches()[0].slice(3, 0)), max_rows=3) == []


def test_a_split_is_what_anyone_can_work_out_from_the_id() -> None:
    ids = [f"id-{number}" for number in range(2000)]
    batch = pa.record_batch({"contribution_id": ids})
    for percent in (0, 5, 50):
        splits = divide(batch, percent)
        expected = [
            each
            for each in ids
            if int(hashlib.sha256(each.encode()).hexdigest()[:8], 16) % 100 < percent
        ]
        assert splits["test"]["contribution_id"].to_pylist() == expected
        assert splits["train"].num_rows == 2000 - len(expected)
    assert 60 < divide(batch, 5)["test"].num_rows < 140


def test_the_rows_of_a_stage_name_nobody() -> None:
    for stage in ("cleaned", "curated"):
        names = set(published_arrow_schema(stage).names)
        assert not names & {"submitter_id", "attribution", "ingest_id", "conversation", "bands"}
