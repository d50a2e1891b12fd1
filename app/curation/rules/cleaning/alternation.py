"""Tells why strict chat templates refuse a conversation.

Such a template takes one turn of the system at the beginning, and then turns of a user and of an
assistant in alternation. An assistant may call tools, whose turns follow, before it answers.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import Indices, as_lists
from app.curation.rules.cleaning.turns import TurnColumns

_REASONS: Final = (
    "blank_turn_removed",
    "call_without_answer",
    "ends_with_user",
    "late_system",
    "repeated_role",
    "starts_without_user",
    "tool_without_answer",
    "tool_without_call",
)
"""All reasons, as `docs/curation.md` explains them."""

_Flags = npt.NDArray[np.bool_]


def irregularities(turns: TurnColumns, removed_before: npt.NDArray[np.int64]) -> pa.Array:
    """Return the reasons for which each conversation is irregular, in alphabetical order.

    Args:
        turns: Turns with their roles.
        removed_before: For each turn, how many turns were removed in the batch before it.

    Returns:
        A list for each conversation; null for a regular one.
    """
    is_role = {
        role: pc.equal(turns["role"], role).to_numpy(zero_copy_only=False)
        for role in ("system", "user", "assistant", "tool")
    }
    found = np.zeros((turns.conversations, len(_REASONS)), bool)

    def mark(reason: str, indices: Indices) -> None:
        found[turns.row[indices], _REASONS.index(reason)] = True

    system = np.flatnonzero(is_role["system"])
    is_first = np.diff(turns.row, prepend=-1) > 0
    mark("late_system", system[~is_first[system]])
    spoken = np.flatnonzero(~is_role["system"])
    row = turns.row[spoken]
    user, assistant, tool = (is_role[role][spoken] for role in ("user", "assistant", "tool"))
    begins, ends = np.diff(row, prepend=-1) > 0, np.diff(row, append=-1) != 0
    mark("starts_without_user", spoken[begins & ~user])
    mark("ends_with_user", spoken[ends & user])
    mark("tool_without_answer", spoken[ends & tool])
    called = pc.is_valid(turns["tool_calls"]).to_numpy(zero_copy_only=False)[spoken]
    follows_user, follows_assistant = (_after(each, begins) for each in (user, assistant))
    follows_call = _after(called | tool, begins)
    repeated = (user & follows_user) | (assistant & follows_assistant)
    ignored = user & _after(called, begins)
    unanswered = user & _after(tool, begins)
    was_removed = np.diff(removed_before[spoken], prepend=0) > 0
    mark("blank_turn_removed", spoken[(repeated | ignored | unanswered) & was_removed])
    mark("call_without_answer", spoken[ignored & ~was_removed])
    mark("repeated_role", spoken[repeated & ~was_removed])
    mark("tool_without_answer", spoken[unanswered & ~was_removed])
    mark("tool_without_call", spoken[tool & ~follows_call])
    return as_lists(
        pa.array(_REASONS, pa.large_string()).take(pa.array(np.nonzero(found)[1])),
        pa.array(found.sum(axis=1)),
        pa.large_list(pa.field("element", pa.large_string(), nullable=False)),
    )


def _after(holds: _Flags, begins: _Flags) -> _Flags:
    """Tell for each turn whether something holds for the one before in its conversation."""
    result: _Flags = np.concatenate(([False], holds[:-1])) & ~begins if len(holds) else holds
    return result
