"""A page is bounded in bytes and in days as well as in rows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from app.query.contributions.pages import Page, read_rows
from app.query.contributions.reader import Contributions
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from catalog.schema import ID
from tests.factories import FIRST_DAY, commit_batch, make_contribution, make_received


@pytest.mark.slow
@pytest.mark.parametrize("newest_first", [False, True])
def test_large_contributions_come_in_shorter_pages_and_none_is_left_out(
    services: Services, newest_first: bool
) -> None:
    sent = [make_contribution("x" * 50_000, str(number)) for number in range(10)]
    for contribution in sent[1::2] + sent[::2]:
        services.ingest.journal.append(contribution)
        services.jobs.committer().drain()
    reader = Contributions(
        services.reading.replaced, services.reading.summaries, 120_000, services.reading.narrowing
    )
    view = services.reading.snapshots.view(Reference())
    seen: list[str] = []
    after = None
    while True:
        page = reader.page(view, Filters(), 100, after, newest_first=newest_first)
        ids = page.rows.column("contribution_id").to_pylist()
        assert 1 <= len(ids) <= 2
        seen += ids
        after = page.last_id
        if after is None:
            break
    expected = [contribution.contribution_id for contribution in sent]
    assert seen == (expected[::-1] if newest_first else expected)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_search_that_is_to_end_goes_on_with_the_next_day(
    services: Services, newest_first: bool
) -> None:
    rows = [make_received(day // 2, "needle" if day == 6 else "hay") for day in range(10)]
    commit_batch(services, *rows)
    view = services.reading.snapshots.view(Reference())

    def pages(filters: Filters, limit: int) -> Iterator[Page]:
        after: str | None = None
        while True:
            page = services.reading.contributions.page(
                view, filters, limit, after, [ID], lambda _: False, newest_first=newest_first
            )
            yield page
            after = page.last_id
            if after is None:
                return

    found = [(page.next_day, page.rows[ID].to_pylist()) for page in pages(Filters(q="needle"), 9)]
    days = [(FIRST_DAY + timedelta(days=day)).date() for day in range(5)]
    in_order = days[::-1] if newest_first else days
    assert [day for day, _ in found] == [*in_order[1:], None]
    assert [ids for _, ids in found if ids] == [[rows[6].contribution_id]]
    # A page that is full within its day says nothing of days.
    by_two = [page.rows[ID].to_pylist() for page in pages(Filters(), 1)]
    expected = [row.contribution_id for row in rows]
    assert [each for ids in by_two for each in ids] == (
        expected[::-1] if newest_first else expected
    )


def test_one_contribution_larger_than_a_page_is_a_page(services: Services) -> None:
    contribution = make_contribution("x" * 50_000)
    services.ingest.journal.append(contribution)
    services.jobs.committer().drain()
    reader = Contributions(
        services.reading.replaced, services.reading.summaries, 1, services.reading.narrowing
    )
    page = reader.page(services.reading.snapshots.view(Reference()), Filters(), 100, None)
    assert page.rows.num_rows == 1
    assert page.last_id is None


@pytest.mark.slow
def test_a_page_opens_no_files_but_those_of_its_rows(services: Services) -> None:
    for number in range(3):
        commit_batch(services, make_received(number))
    view = services.reading.snapshots.view(Reference())
    ids = [
        batch[ID][0].as_py()
        for batch in services.reading.contributions.stream(view, Filters(), [ID])
    ]
    between = view.files()[1]
    Path(between.path.removeprefix("file://")).unlink()
    wanted = pa.array([ids[0], ids[2]], pa.large_string())
    assert read_rows(view, wanted, [ID], 10**6)[ID].to_pylist() == [ids[0], ids[2]]
