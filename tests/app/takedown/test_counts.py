"""The counts of files keep nothing of what is taken down."""

from tests.app.takedown.lake import MARK, Lake, committing
from tests.factories import make_received
from tests.migrations.traces import files_with


def test_counts_go_with_the_file_that_a_takedown_replaces(lake: Lake) -> None:
    services, gone = lake.services, make_received(0, source=MARK)
    lake.commit(gone, make_received(0, "stays"))
    services.summary_job().step()
    assert any("counts" in str(path) for path in files_with(services.settings.home, [MARK]))
    services.takedown.request("contribution", [gone.contribution_id], reason="", requested_by="t")
    with committing(services):
        services.takedown.run()
    assert files_with(services.settings.home, [MARK]) == {}
    assert services.summary_job().step() == 1
