"""What was accepted again, by a process that didn't know better, leaves nothing in the journal."""

import pytest

from app.ingest.journal.journal import Journal
from app.takedown import journal as takedown_journal
from app.takedown.waiting import Waiting
from tests.app.takedown.lake import MARK, Lake, committing
from tests.factories import make_received
from tests.migrations.traces import files_with


def test_what_comes_again_before_everybody_knows_is_committed_and_erased(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, gone = lake.services, make_received(0, MARK)
    lake.commit(gone, make_received(0, "stays"))
    services.takedown.service.request(
        "contribution", [gone.contribution_id], reason="", requested_by="t"
    )
    uninformed = Journal(services.database, services.settings.max_journal_bytes)
    wait = Waiting.wait
    waited: list[float] = []

    def submit_and_wait(waiting: Waiting, seconds: float) -> None:
        if seconds > 1:
            waited.append(seconds)
            uninformed.append(make_received(0, MARK))
            seconds = 0
        wait(waiting, seconds)

    monkeypatch.setattr(takedown_journal, "MAX_AGE_S", 60)
    monkeypatch.setattr(Waiting, "wait", submit_and_wait)
    with committing(services):
        services.takedown.service.run()
    assert len(waited) == 1
    assert files_with(services.settings.home, [MARK]) == {}
    assert lake.rows() == lake.rows(without={gone.contribution_id})
