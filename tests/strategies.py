"""Hypothesis strategies for values that several tests draw."""

from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from catalog.records import AlternativeTurn, Attachment, ToolCall, Turn


def conversations(
    texts: st.SearchStrategy[str], min_turns: int = 0
) -> st.SearchStrategy[tuple[Turn, ...]]:
    """Return a strategy for conversations of at most four turns.

    Args:
        texts: Texts of the turns.
        min_turns: The lowest number of turns.
    """
    turns = st.builds(
        Turn,
        content=texts,
        role=st.none() | texts,
        rating=st.sampled_from([None, "positive", "negative"]),
        stopped=st.booleans(),
        edited_content=st.none() | texts,
    )
    return st.lists(turns, min_size=min_turns, max_size=4).map(tuple)


def rich_conversations(texts: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[Turn, ...]]:
    """Return a strategy for conversations whose turns may have every field.

    Args:
        texts: Texts of all fields that aren't empty; content may be empty.
    """
    some = st.none() | texts
    calls = st.builds(ToolCall, id=some, name=texts, arguments=some)
    sizes = st.none() | st.integers(0, 2**63 - 1)
    attachments = st.builds(
        Attachment, kind=texts, media_type=some, name=some, bytes=sizes, sha256=some, text=some
    )
    fields: dict[str, st.SearchStrategy[Any]] = {
        "content": st.just("") | texts,
        "role": some,
        "rating": st.sampled_from([None, "positive", "negative"]),
        "stopped": st.booleans(),
        "edited_content": some,
        "reasoning": some,
        "tool_calls": _some_of(calls),
        "tool_call_id": some,
        "name": some,
        "model": some,
        "created_at": st.none() | st.datetimes(timezones=st.just(UTC)),
        "attachments": _some_of(attachments),
    }
    continuation = _listed(st.builds(AlternativeTurn, **fields))
    turns = st.builds(Turn, **fields, alternatives=_some_of(continuation))
    return _listed(turns)


def _listed(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=1, max_size=2).map(tuple)


def _some_of(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...] | None]:
    return st.none() | _listed(items)
