import pytest
from sqlalchemy import update

from app.doctor import examination
from app.doctor.examination import examine
from app.doctor.examined_lake import ExaminedLake
from app.services import Services
from app.state.models import LedgerEntry
from catalog.maintenance.orphans import filesystem_of, path_of
from catalog.manifests.entries import newest_entries
from catalog.table import load_table
from tests.factories import commit_batch, make_received


@pytest.mark.both
@pytest.mark.slow
def test_lakes_on_both_backends_are_examined(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "_SETTLE_S", 0)
    commit_batch(services, make_received(0))
    commit_batch(services, make_received(1))
    lake = ExaminedLake(
        settings=services.settings,
        database=services.database,
        catalog=services.catalog,
        is_deep=True,
    )
    assert examine(lake) == []

    table = load_table(services.catalog)
    lost = newest_entries(table)[0].data_file.file_path
    filesystem_of(table).delete_file(path_of(table, lost))
    with services.database.write() as connection:
        connection.execute(update(LedgerEntry).values(total_rows=LedgerEntry.total_rows + 1))
    findings = examine(lake)
    assert {finding.check for finding in findings} >= {"files", "ledger", "counts"}
    assert any(lost in finding.what for finding in findings)
