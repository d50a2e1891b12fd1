"""The turns of many conversations as columns, one value for each turn."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import VISIBLE, Indices, as_lists
from catalog.stages.tables import COMPUTED_STAGES

CONVERSATION: Final = COMPUTED_STAGES["cleaned"].arrow_schema.field("conversation").type
"""The type of a conversation: a list of turns."""
ALTERNATIVES: Final = CONVERSATION.value_type.field("alternatives")
"""The field of a turn with its alternatives, which are conversations of turns without such."""
_FIELDS: Final = [field for field in CONVERSATION.value_type if field != ALTERNATIVES]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnColumns:
    """Columns of turns, in the order of their conversations.

    Attributes:
        conversations: Number of conversations, with those that have no turn.
        row: Index of the conversation that each turn is of, ascending.
        columns: The fields of each turn, as the stage `cleaned` has them. `role` is the client's
            word for the speaker, or one of `Role`.
    """

    conversations: int
    row: Indices
    columns: pa.RecordBatch

    def __getitem__(self, name: str) -> pa.Array:
        """Return the field of this name of each turn."""
        return self.columns.column(name)

    @property
    def offsets(self) -> pa.Array:
        """Index of each conversation's first turn, and the number of turns."""
        lengths = np.bincount(self.row, minlength=self.conversations)
        return pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int64())

    def with_columns(self, columns: pa.RecordBatch) -> "TurnColumns":
        """Return the turns with other columns."""
        return replace(self, columns=columns)

    def filter(self, kept: npt.NDArray[np.bool_]) -> "TurnColumns":
        """Return the turns for which `kept` is true; no conversation is removed."""
        return replace(self, row=self.row[kept], columns=self.columns.filter(pa.array(kept)))

    def joined(self, texts: pa.Array, separator: str) -> pa.Array:
        """Return one text for each conversation: the texts of its turns, joined by a separator.

        Args:
            texts: A text for each turn.
            separator: Stands between the texts of two turns.
        """
        lists = pa.LargeListArray.from_arrays(self.offsets, texts)
        return pc.binary_join(lists, pa.scalar(separator, texts.type))

    def lists(self, kind: pa.LargeListType) -> pa.Array:
        """Return the conversations as a column of lists of turns.

        Args:
            kind: The type of the column. The turns have the fields of its elements.
        """
        leaves = [self[field.name] for field in kind.value_type]
        structs = pa.StructArray.from_arrays(leaves, fields=list(kind.value_type))
        return pa.LargeListArray.from_arrays(self.offsets, structs, type=kind)


def flattened(conversations: pa.Array) -> TurnColumns:
    """Return the turns of a column of conversations, without their alternatives.

    Args:
        conversations: Lists of structs, of any of Arrow's list and string types.
    """
    turns = pc.list_flatten(conversations)
    columns = [
        _without_empty(pc.struct_field(turns, field.name).cast(field.type)) for field in _FIELDS
    ]
    return TurnColumns(
        conversations=len(conversations),
        row=pc.list_parent_indices(conversations).to_numpy().astype(np.int64),
        columns=pa.RecordBatch.from_arrays(columns, schema=pa.schema(_FIELDS)),
    )


def _without_empty(values: pa.Array) -> pa.Array:
    """Return a column with nulls for empty lists, as which other writers store null ones."""
    if not pa.types.is_large_list(values.type) or values.null_count == len(values):
        return values
    return as_lists(pc.list_flatten(values), pc.list_value_length(values), values.type)


def alternatives_of(conversations: pa.Array) -> tuple[TurnColumns, Indices]:
    """Return the alternatives of the turns of a column of conversations.

    Returns:
        The turns of all alternatives, each of which is a conversation; and for each alternative the
        index of the turn that it stands in the place of, ascending.
    """
    column = pc.struct_field(pc.list_flatten(conversations), ALTERNATIVES.name)
    place = pc.list_parent_indices(column).to_numpy().astype(np.int64)
    return flattened(pc.list_flatten(column)), place


def as_alternatives(turns: TurnColumns, place: Indices, number: int) -> pa.Array:
    """Return alternatives as a column with a list of them for each turn; null for a turn without.

    Args:
        turns: The turns of the alternatives. An alternative that has none is left out.
        place: Index of the turn that each alternative stands in the place of, ascending.
        number: Number of turns that may have alternatives.
    """
    kind = ALTERNATIVES.type
    conversations = turns.lists(kind.value_type)
    has_turns = pc.greater(pc.list_value_length(conversations), 0)
    lengths = np.bincount(place[has_turns.to_numpy(zero_copy_only=False)], minlength=number)
    return as_lists(conversations.filter(has_turns), pa.array(lengths), kind)


def shown(turns: TurnColumns) -> npt.NDArray[np.bool_]:
    """Tell which turns show something: a text, a call of a tool or an attachment.

    A turn of nothing but reasoning said nothing.
    """
    visible = pc.match_substring_regex(turns["content"], VISIBLE)
    others = pc.or_(pc.is_valid(turns["tool_calls"]), pc.is_valid(turns["attachments"]))
    return np.asarray(pc.or_(visible, others))
