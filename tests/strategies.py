"""Hypothesis strategies for values that several tests draw."""

from hypothesis import strategies as st

from catalog.records import Turn


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
