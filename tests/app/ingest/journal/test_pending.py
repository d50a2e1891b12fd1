"""What the journal holds is found by its ids, in entries and in the files of uploads."""

from uuid import uuid4

import pytest
from pyiceberg.io import FileIO

from app.ingest.journal.pending import ENTRY_ID, Pending
from app.services import Services
from catalog.schema import ID
from catalog.table import load_table
from tests.app.takedown.lake import Lake
from tests.factories import make_contribution

ADA = {"contributor_id": "ada"}


@pytest.fixture
def pending(services: Services) -> Pending:
    return Pending(services.database, lambda: load_table(services.catalog).io)


@pytest.mark.both
def test_pending_contributions_are_found_in_the_order_of_the_journal(
    services: Services, pending: Pending
) -> None:
    lake = Lake(services)
    mine = [make_contribution(conversation_id=f"c{number}", **ADA) for number in range(3)]
    lake.hold(mine[0])
    lake.hold(make_contribution(contributor_id="eve"))
    lake.hold_upload(make_contribution(), mine[1])
    lake.hold(mine[2])
    found = pending.matching("contributor_id", ["ada", "nobody"])
    assert found[ID].to_pylist() == [each.contribution_id for each in mine]
    assert found["conversation_id"].to_pylist() == ["c0", "c1", "c2"]
    assert pending.matching(ID, [mine[1].contribution_id]).num_rows == 1
    assert pending.matching(ID, [str(uuid4())]).num_rows == 0

    entry_ids = set(found[ENTRY_ID].to_pylist())
    assert pending.hurry(entry_ids) == entry_ids
    assert services.ingest.journal.backlog().awaited_entries == len(entry_ids)
    services.jobs.committer().drain()
    assert pending.hurry(entry_ids) == set()
    assert pending.matching("contributor_id", ["ada"]).num_rows == 0


def test_a_claimed_batch_is_pending_until_it_is_settled(
    services: Services, pending: Pending
) -> None:
    services.ingest.journal.append(make_contribution(**ADA))
    assert services.ingest.claims.claim(max_rows=9, max_bytes=10**6) is not None
    found = pending.matching("contributor_id", ["ada"])
    assert found.num_rows == 1
    assert pending.hurry(found[ENTRY_ID].to_pylist()) == set(found[ENTRY_ID].to_pylist())


@pytest.mark.both
def test_an_upload_that_is_committed_while_it_is_read_is_pending_no_more(
    services: Services,
) -> None:
    lake = Lake(services)
    mine = [make_contribution(conversation_id=f"c{number}", **ADA) for number in range(2)]
    lake.hold_upload(*mine)
    services.takedown.service.request(
        "contribution", [mine[0].contribution_id], reason=None, requested_by="test"
    )

    def commit_first() -> FileIO:
        # It leaves a row out, and so removes the file that is about to be read.
        services.jobs.committer().drain()
        return load_table(services.catalog).io

    pending = Pending(services.database, commit_first)
    assert pending.matching("contributor_id", ["ada"]).num_rows == 0


def test_an_upload_that_waits_and_has_lost_its_file_is_an_error(services: Services) -> None:
    Lake(services).hold_upload(make_contribution(**ADA))

    def lose_file() -> FileIO:
        for file in services.settings.home.rglob("*.parquet"):
            file.unlink()
        return load_table(services.catalog).io

    with pytest.raises(FileNotFoundError):
        Pending(services.database, lose_file).matching("contributor_id", ["ada"])
