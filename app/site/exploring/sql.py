"""The query in SQL for what a page of contributions shows, to go on from in the console."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from app.query.filters import EXACT_COLUMNS, LAST_DAY, Filters

_ROWS: Final = 100
"""Rows that the query is limited to, since whoever reads it changes it first."""


def query_of(filters: Filters) -> str:
    """Return a query that selects the newest of the contributions that meet conditions."""
    table = "all_versions" if filters.all_versions else "contributions"
    conditions = "\n  AND ".join([*_of_columns(filters), *_of_turns(filters)])
    where = f"\nWHERE {conditions}" if conditions else ""
    return (
        "SELECT contribution_id, received_at, source, agent_id, len(conversation) AS turns\n"
        f"FROM {table}{where}\nORDER BY received_at DESC\nLIMIT {_ROWS}"
    )


def _of_columns(filters: Filters) -> Iterator[str]:
    """Yield the conditions on whole columns."""
    if filters.day_from:
        yield f"received_at >= '{filters.day_from}'"
    if filters.day_to:
        yield f"received_at < '{min(filters.day_to, LAST_DAY) + timedelta(days=1)}'"
    for name in EXACT_COLUMNS:
        if (value := getattr(filters, name)) is not None:
            yield f"{name} = {_text(value)}"
    for name in sorted(filters.absent):
        yield f"{name} IS NULL"
    for label in filters.labels:
        wanted = _text(label)
        met = f"label.key = {wanted} OR label.key || ':' || label.value = {wanted}"
        yield f"len(list_filter(map_entries(labels), lambda label: {met})) > 0"


def _of_turns(filters: Filters) -> Iterator[str]:
    """Yield the conditions on turns."""
    called = _any_turn("turn.tool_calls IS NOT NULL")
    words = f"lower({_text(filters.q or '')})"
    texts = [f"contains(lower(turn.{name}), {words})" for name in ("content", "edited_content")]
    possible = (
        (filters.min_turns, f"len(conversation) >= {filters.min_turns}"),
        (filters.max_turns, f"len(conversation) <= {filters.max_turns}"),
        (filters.role, _any_turn(f"turn.role = {_text(filters.role or '')}")),
        (filters.rating, _any_turn(f"turn.rating = {_text(filters.rating or '')}")),
        (filters.model, _any_turn(f"turn.model = {_text(filters.model or '')}")),
        (filters.has_tools, f"(tools IS NOT NULL OR {called})"),
        (filters.has_alternatives, _any_turn("turn.alternatives IS NOT NULL")),
        (filters.q, _any_turn(" OR ".join(texts))),
    )
    for wanted, condition in possible:
        if wanted is not None:
            yield f"NOT {condition}" if wanted is False else condition


def _any_turn(met: str) -> str:
    return f"len(list_filter(conversation, lambda turn: {met})) > 0"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
