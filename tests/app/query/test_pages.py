"""A page is bounded in bytes as well as in rows."""

import pytest

from app.query.contributions import Contributions
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from tests.factories import make_contribution


@pytest.mark.slow
@pytest.mark.parametrize("newest_first", [False, True])
def test_large_contributions_come_in_shorter_pages_and_none_is_left_out(
    services: Services, newest_first: bool
) -> None:
    sent = [make_contribution("x" * 50_000, str(number)) for number in range(10)]
    for contribution in sent[1::2] + sent[::2]:
        services.journal.append(contribution)
        services.committer().drain()
    reader = Contributions(services.replaced, services.summaries, page_bytes=120_000)
    view = services.snapshots.view(Reference())
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


def test_one_contribution_larger_than_a_page_is_a_page(services: Services) -> None:
    contribution = make_contribution("x" * 50_000)
    services.journal.append(contribution)
    services.committer().drain()
    reader = Contributions(services.replaced, services.summaries, page_bytes=1)
    page = reader.page(services.snapshots.view(Reference()), Filters(), 100, None)
    assert page.rows.num_rows == 1
    assert page.last_id is None
