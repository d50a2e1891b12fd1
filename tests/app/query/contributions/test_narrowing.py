"""Files without any row of a value stay closed, as far as their counts tell."""

import pytest
from msgspec.structs import replace
from pytest import MonkeyPatch
from sqlalchemy.event import listen

from app.query.counts import rows as row_counts
from app.query.counts.files import FileCounts
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from catalog.records import Contribution, Turn
from catalog.schema import ID
from tests.app.query.opened_files import remove_files_without
from tests.factories import commit_batch, make_received


def ids_of(services: Services, filters: Filters) -> list[str]:
    view = services.reading.snapshots.view(Reference())
    page = services.reading.contributions.page(view, filters, 100, None, [ID])
    assert services.reading.contributions.count(view, filters) == page.rows.num_rows
    found: list[str] = page.rows[ID].to_pylist()
    return found


def of_model(day: int, model: str, **fields: str) -> Contribution:
    turns = (Turn("What is it?", "user"), Turn("It.", "assistant", model=model, rating="positive"))
    return replace(make_received(day, **fields), conversation=turns)


FILTERS = (
    Filters(model="rare"),
    Filters(source="rare"),
    Filters(agent_id="rare"),
    Filters(model="rare", rating="positive", source="rare"),
)


@pytest.mark.both
def test_files_without_a_counted_value_are_not_opened(services: Services) -> None:
    rare = of_model(2, "rare", source="rare", agent_id="rare")
    # Bounds of columns don't tell.
    around = [replace(of_model(1, name), source=name, agent_id=name) for name in ("a", "z")]
    commit_batch(services, rare, *around)
    services.reading.summary_job().step()
    later = of_model(3, "rare", source="rare", agent_id="rare")
    commit_batch(services, later)
    ids = [rare.contribution_id, later.contribution_id]
    remove_files_without(services, *ids)
    for filters in FILTERS:
        assert ids_of(services, filters) == ids
    assert ids_of(services, Filters(model="a", source="rare")) == []


def test_a_value_of_a_dimension_with_too_many_values_is_looked_for(
    services: Services, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(row_counts, "_MOST_VALUES", 1)
    rows = [of_model(1, name) for name in ("a", "rare", "z")]
    commit_batch(services, *rows)
    services.reading.summary_job().step()
    assert ids_of(services, Filters(model="rare")) == [rows[1].contribution_id]


def test_counts_of_the_files_of_a_day_are_asked_for_together(services: Services) -> None:
    for number in range(4):
        commit_batch(services, of_model(number % 2, f"model {number}"))
    services.reading.summary_job().step()
    services.reading.file_counts.dispose()
    counts = FileCounts(services.database)
    files = services.reading.snapshots.view(Reference()).files()
    queries: list[str] = []
    listen(counts.database.engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
    candidates = counts.candidates({"model": "model 0"})
    assert [candidates(file) is None for file in files] == [True, False, False, False]
    assert len([query for query in queries if "file_counts" in query]) == 2
    counts.dispose()
