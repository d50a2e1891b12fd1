"""The index of texts keeps nothing of what is taken down."""

from threading import Event
from uuid import UUID

import pytest

from app.takedown.verify.verification import verify
from tests.app.takedown.lake import MARK, Lake, committing
from tests.factories import make_received
from tests.migrations.traces import files_with


@pytest.mark.slow
def test_an_index_goes_with_the_file_that_a_takedown_replaces(lake: Lake) -> None:
    services, gone = lake.services, make_received(0, f"{MARK} text")
    lake.commit(gone, make_received(0, "stays"))
    lake.commit(make_received(1, "other"))
    indexing = services.reading.text_indexing()
    assert len(list(indexing.step(Event()))) == 2
    ids = [UUID(gone.contribution_id)]
    places = [each.place for each in verify(services.settings, ids).findings]
    assert any("text-index" in place for place in places)

    services.takedown.service.request(
        "contribution", [gone.contribution_id], reason="", requested_by="t"
    )
    with committing(services):
        services.takedown.service.run()
    assert indexing.status().files == 1
    assert verify(services.settings, ids).findings == set()
    assert files_with(services.settings.text_index, [MARK]) == {}
    # What is left of the file is indexed anew.
    assert len(list(indexing.step(Event()))) == 1
    assert files_with(services.settings.text_index, [MARK]) == {}
