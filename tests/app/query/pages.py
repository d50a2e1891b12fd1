"""Reading contributions page by page, to the last page."""

from collections.abc import Sequence
from typing import Any

from app.query.filters import Filters
from app.query.snapshots import SnapshotView
from app.services import Services
from catalog.schema import ARROW_SCHEMA


def read_in_pages(
    services: Services,
    view: SnapshotView,
    filters: Filters,
    size: int,
    columns: Sequence[str] = ARROW_SCHEMA.names,
    *,
    newest_first: bool,
) -> list[dict[str, Any]]:
    """Return the rows of all pages, in the order of the pages.

    Args:
        services: The services of the lake.
        view: The snapshot to read.
        filters: The contributions to select.
        size: Most rows of a page.
        columns: Names of the columns to read.
        newest_first: Whether the newest contribution comes first.
    """
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = services.reading.contributions.page(
            view, filters, size, after, columns, newest_first=newest_first
        )
        assert page.rows.num_rows <= size
        assert page.last_id is None or page.rows.num_rows == size
        rows += page.rows.to_pylist()
        after = page.last_id
        if after is None:
            return rows
