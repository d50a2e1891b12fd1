"""Random histories of the lake, read at every snapshot, against a model in plain Python."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.query.filters import Filters
from app.query.snapshots import Reference, SnapshotView
from app.services import Services, current_services
from catalog.reading.fragments import BATCH_ROWS
from catalog.records import Contribution, Turn
from tests.app.query.pages import read_in_pages
from tests.batches import FEW_ROWS, scan_in_batches
from tests.factories import FIRST_DAY, make_contribution, make_contribution_id
from tests.histories import AGENTS, DAYS, RATINGS, SOURCES, SUBMITTERS, History, Row
from tests.lakes import LakeTemplate, opened_app

CONVERSATIONS = ("chat-1", "chat-2")

contributions: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    day=st.integers(0, DAYS - 1),
    contributor_id=st.sampled_from(SUBMITTERS),
    conversation_id=st.sampled_from(CONVERSATIONS),
    source=st.sampled_from(SOURCES),
    agent_id=st.sampled_from(AGENTS),
    ratings=st.lists(st.sampled_from(RATINGS), min_size=1, max_size=3),
)
# Ids don't follow the order of commits, since the clocks of several servers differ.
histories = st.lists(
    st.lists(contributions, min_size=1, max_size=5), min_size=1, max_size=4
).flatmap(
    lambda batches: st.tuples(
        st.just(batches), st.permutations(range(sum(len(batch) for batch in batches)))
    )
)
days = st.one_of(
    st.none(), st.integers(-1, DAYS).map(lambda day: (FIRST_DAY + timedelta(days=day)).date())
)
selections = st.builds(
    Filters,
    day_from=days,
    day_to=days,
    source=st.sampled_from(SOURCES),
    contributor_id=st.sampled_from(SUBMITTERS),
    conversation_id=st.sampled_from((None, None, f"chat-1 of {SUBMITTERS[1]}")),
    agent_id=st.sampled_from((None, *AGENTS)),
    rating=st.sampled_from(RATINGS),
    absent=st.sampled_from((frozenset(), frozenset({"contributor_id"}))),
    min_turns=st.sampled_from((None, 2)),
    q=st.sampled_from((None, "0.1", "X")),
    all_versions=st.booleans(),
)


def make(fields: dict[str, Any], number: int) -> Contribution:
    conversation_id = f"{fields['conversation_id']} of {fields['contributor_id']}"
    turns = tuple(
        Turn(f"{number}.{i}{'x' * i}", rating=rating) for i, rating in enumerate(fields["ratings"])
    )
    named = {name: value for name, value in fields.items() if name not in {"day", "ratings"}}
    named["conversation_id"] = conversation_id
    contribution_id = make_contribution_id(fields["day"], number)
    return make_contribution(contribution_id=contribution_id, conversation=turns, **named)


def as_read(rows: list[Row]) -> list[tuple[str, int, list[str]]]:
    return [
        (
            row.contribution.contribution_id,
            row.sequence_number,
            [turn.content for turn in row.contribution.conversation],
        )
        for row in rows
    ]


def as_found(rows: list[dict[str, Any]]) -> list[tuple[str, int, list[str]]]:
    return [
        (
            row["contribution_id"],
            row["sequence_number"],
            [turn["content"] for turn in row["conversation"]],
        )
        for row in rows
    ]


@pytest.mark.slow
@hypothesis_settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(
    history=histories,
    filters=st.lists(selections, min_size=1, max_size=2),
    batch_rows=st.sampled_from([*FEW_ROWS, BATCH_ROWS]),
    page_rows=st.sampled_from(FEW_ROWS),
)
def test_every_snapshot_of_a_random_history_reads_as_the_model_does(
    lake_template: LakeTemplate,
    history: tuple[list[list[dict[str, Any]]], list[int]],
    filters: list[Filters],
    batch_rows: int,
    page_rows: int,
) -> None:
    batches, numbers = history
    numbers = list(numbers)
    with (
        tempfile.TemporaryDirectory() as folder,
        opened_app(lake_template.copy(Path(folder) / "home")) as app,
        pytest.MonkeyPatch.context() as monkeypatch,
        app.app_context(),
    ):
        scan_in_batches(monkeypatch, batch_rows)
        services = current_services()
        recorded = History(services)
        for number, batch in enumerate(batches):
            recorded.commit(make(fields, numbers.pop()) for fields in batch)
            if number == 1:
                # What comes later isn't in the index of contributors.
                services.reading.summary_job().step()
        for snapshot in recorded.snapshots:
            view = services.reading.snapshots.view(Reference(snapshot_id=snapshot.snapshot_id))
            for selected in (Filters(), *filters):
                expected = as_read(recorded.selected(snapshot, selected))
                check(services, view, selected, expected, page_rows)


def check(
    services: Services,
    view: SnapshotView,
    filters: Filters,
    expected: list[tuple[str, int, list[str]]],
    page_rows: int,
) -> None:
    streamed = [
        row
        for batch in services.reading.contributions.stream(view, filters)
        for row in batch.to_pylist()
    ]
    assert sorted(as_found(streamed)) == expected
    assert services.reading.contributions.count(view, filters) == len(expected)
    for size in {page_rows, max(1, len(expected)), len(expected) + 1}:
        for newest_first in (False, True):
            pages = read_in_pages(services, view, filters, size, newest_first=newest_first)
            assert as_found(pages) == (expected[::-1] if newest_first else expected), size
