from app.telemetry.exposition import JournalDepth, exposition


def test_a_journal_that_can_be_read_exposes_its_depth() -> None:
    exposed = exposition(JournalDepth(2, 30, 4_000, 5.5)).decode()
    assert "chatlake_journal_up 1.0" in exposed
    assert "chatlake_journal_entries 2.0" in exposed
    assert "chatlake_journal_contributions 30.0" in exposed
    assert "chatlake_journal_bytes 4000.0" in exposed
    assert "chatlake_journal_oldest_age_seconds 5.5" in exposed


def test_a_journal_that_cannot_be_read_is_exposed_as_such_and_has_no_depth() -> None:
    exposed = exposition(None).decode()
    assert "chatlake_journal_up 0.0" in exposed
    assert "chatlake_journal_entries" not in exposed
    assert "chatlake_accepted_contributions_total" in exposed


def test_the_quarantine_is_exposed_where_it_can_be_read() -> None:
    assert "chatlake_quarantined_contributions 3.0" in exposition(None, quarantined=3).decode()
    assert "chatlake_quarantined_contributions" not in exposition(None).decode()
