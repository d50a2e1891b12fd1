"""The turns of many conversations as columns, one value for each turn."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import Indices
from catalog.stages import COMPUTED_STAGES

_CONVERSATION_TYPE: Final = COMPUTED_STAGES["cleaned"].arrow_schema.field("conversation").type
_TURN: Final = _CONVERSATION_TYPE.value_type


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnColumns:
    """Columns of turns, in the order of their conversations.

    Attributes:
        conversations: Number of conversations, with those that have no turn.
        row: Index of the conversation that each turn is of, ascending.
        role: The role of each turn: the client's word for the speaker, or one of `Role`.
        content: The text of each turn.
        rating: The contributor's rating of each turn; null without one.
        stopped: Whether the contributor stopped the model at each turn.
        edited_content: The contributor's correction of each turn; null without one.
    """

    conversations: int
    row: Indices
    role: pa.Array
    content: pa.Array
    rating: pa.Array
    stopped: pa.Array
    edited_content: pa.Array

    @property
    def offsets(self) -> pa.Array:
        """Index of each conversation's first turn, and the number of turns."""
        lengths = np.bincount(self.row, minlength=self.conversations)
        return pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int64())

    def with_columns(self, **columns: pa.Array) -> "TurnColumns":
        """Return the turns with some columns replaced."""
        return replace(self, **columns)

    def filter(self, kept: pa.Array) -> "TurnColumns":
        """Return the turns for which `kept` is true; no conversation is removed."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in _TURN}
        filtered = {name: column.filter(kept) for name, column in columns.items()}
        return replace(self, row=self.row[kept.to_numpy(zero_copy_only=False)], **filtered)

    def joined(self, texts: pa.Array, separator: str) -> pa.Array:
        """Return one text for each conversation: the texts of its turns, joined by a separator.

        Args:
            texts: A text for each turn.
            separator: Stands between the texts of two turns.
        """
        lists = pa.LargeListArray.from_arrays(self.offsets, texts)
        return pc.binary_join(lists, pa.scalar(separator, texts.type))


def flattened(conversations: pa.Array) -> TurnColumns:
    """Return the turns of a column of conversations.

    Args:
        conversations: Lists of structs, of any of Arrow's list and string types.
    """
    turns = pc.list_flatten(conversations)
    columns = {field.name: pc.struct_field(turns, field.name).cast(field.type) for field in _TURN}
    row = pc.list_parent_indices(conversations).to_numpy().astype(np.int64)
    return TurnColumns(conversations=len(conversations), row=row, **columns)


def as_conversations(turns: TurnColumns) -> pa.Array:
    """Return the turns as a column of conversations, of the type that the stage `cleaned` has."""
    leaves = [getattr(turns, field.name) for field in _TURN]
    structs = pa.StructArray.from_arrays(leaves, fields=list(_TURN))
    return pa.LargeListArray.from_arrays(turns.offsets, structs, type=_CONVERSATION_TYPE)
