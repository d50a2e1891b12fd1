"""What is said in a turn, by which conversations are told apart."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import as_lists

_BEFORE_CALL: Final = pa.scalar("\x1d", pa.large_string())
_BEFORE_ARGUMENTS: Final = pa.scalar("\x1c", pa.large_string())


def said(contents: pa.Array, tool_calls: pa.Array) -> pa.Array:
    """Return the content of each turn, followed by the calls of tools that the turn makes.

    A call is U+001D, its name, U+001C and its arguments; no cleaned text has these characters.
    Nothing else counts: ids are made up by each client, and what is thought, attached or said in
    other places doesn't make it another conversation.

    Args:
        contents: The content of each turn.
        tool_calls: The calls of each turn as lists; null for a turn without.
    """
    if tool_calls.null_count == len(tool_calls):
        return contents
    calls = pc.list_flatten(tool_calls)
    parts = [pc.struct_field(calls, name).fill_null("") for name in ("name", "arguments")]
    written = pc.binary_join_element_wise(*parts, _BEFORE_ARGUMENTS)
    lists = as_lists(written, pc.list_value_length(tool_calls), pa.large_list(written.type))
    of_turns = pc.binary_join(lists, _BEFORE_CALL)
    return pc.binary_join_element_wise(contents, of_turns, _BEFORE_CALL, null_handling="skip")
