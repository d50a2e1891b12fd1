from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest
from pyiceberg.expressions import (
    AlwaysFalse,
    AlwaysTrue,
    And,
    BooleanExpression,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Not,
    NotEqualTo,
    NotNull,
    Or,
    StartsWith,
)
from pyiceberg.table import ManifestGroupPlanner, Table

from catalog.manifests import pruning
from catalog.manifests.cache import files_of
from catalog.table import append_batch
from tests.factories import make_contribution

_START = datetime(2026, 1, 1, tzinfo=UTC)
_SOURCES = ("web", "phone", None)


@pytest.fixture
def filled(table: Table) -> Table:
    """A table of files with one row or three, of several days and commits."""
    for day, sources in enumerate((*((each,) for each in _SOURCES), _SOURCES)):
        rows = [
            make_contribution(received_at=_START + timedelta(days=day, hours=hour), source=source)
            for hour, source in enumerate(sources)
        ]
        append_batch(table, uuid4(), rows)
    return table


def _conditions() -> list[BooleanExpression]:
    moments = [(_START + timedelta(hours=hours)).isoformat() for hours in (0, 1, 25, 100)]
    compared = (LessThan, LessThanOrEqual, GreaterThan, GreaterThanOrEqual, EqualTo, NotEqualTo)
    of_time = [kind("received_at", moment) for kind, moment in product(compared, moments)]
    of_text = [kind("source", text) for kind, text in product(compared, ("", "phone", "q", "web"))]
    sets = [
        In("source", {"phone", "web"}),
        In("source", {"a", "q"}),
        In("source", {f"q{number}" for number in range(pruning.MOST_VALUES + 1)}),
    ]
    nulls = [IsNull("source"), NotNull("source"), IsNull("contribution_id"), NotNull("tools")]
    other = [AlwaysTrue(), AlwaysFalse(), StartsWith("source", "p"), EqualTo("title", "t")]
    alone = [*of_time, *of_text, *sets, *nulls, *other]
    joined = [
        kind(first, second)
        for kind in (And, Or)
        for first, second in product(of_time[::5], [*of_text[::4], *nulls])
    ]
    return [*alone, *map(Not, alone), *joined]


@pytest.mark.slow
def test_files_are_left_out_as_iceberg_leaves_them_out(filled: Table) -> None:
    newest = filled.current_snapshot()
    assert newest is not None
    left_out = 0
    for condition in _conditions():
        planner = ManifestGroupPlanner(filled.metadata, filled.io, condition)
        groups = planner.plan_manifest_entries(newest.manifests(filled.io))
        expected = {entry.data_file.file_path for group in groups for entry in group}
        found = {
            path
            for files in files_of(filled, newest, condition)
            for path in files["path"].to_pylist()
        }
        left_out += 4 - len(found)
        # What isn't pruned here is read and filtered; the rest is as exact as pyiceberg.
        assert found >= expected, condition
        if "With" not in repr(condition):
            assert found == expected, condition
    assert left_out > 100
