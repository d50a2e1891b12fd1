"""The turns of many conversations, column by column."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalog.stages import COMPUTED_STAGES

CONVERSATION: Final = COMPUTED_STAGES["cleaned"].arrow_schema.field("conversation").type
_TURN: Final = CONVERSATION.value_type

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Turns in the order of their conversations.

    Attributes:
        conversations: How many conversations there are, also those that have no turn.
        row: The place of each turn's conversation; it ascends.
        role: Who speaks.
        content: The texts.
        rating: The contributor's judgements.
        stopped: Whether the contributor stopped the model.
        edited_content: What the contributor would rather have read.
    """

    conversations: int
    row: Rows
    role: pa.Array
    content: pa.Array
    rating: pa.Array
    stopped: pa.Array
    edited_content: pa.Array

    @property
    def offsets(self) -> pa.Array:
        """Where each conversation's turns begin, and where the last one's end."""
        lengths = np.bincount(self.row, minlength=self.conversations)
        return pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int64())

    def but(self, **columns: pa.Array) -> "Turns":
        """Return the turns with some columns replaced."""
        return replace(self, **columns)

    def filter(self, kept: pa.Array) -> "Turns":
        """Return the turns for which `kept` is true, of as many conversations."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in _TURN}
        filtered = {name: column.filter(kept) for name, column in columns.items()}
        return replace(self, row=self.row[kept.to_numpy(zero_copy_only=False)], **filtered)

    def joined(self, texts: pa.Array, separator: str) -> pa.Array:
        """Return for each conversation what `texts` has for its turns, as one text."""
        lists = pa.LargeListArray.from_arrays(self.offsets, texts)
        return pc.binary_join(lists, pa.scalar(separator, texts.type))


def flattened(conversations: pa.Array) -> Turns:
    """Return the turns of a column of conversations, of any of Arrow's kinds of list and string."""
    turns = pc.list_flatten(conversations)
    columns = {field.name: pc.struct_field(turns, field.name).cast(field.type) for field in _TURN}
    row = pc.list_parent_indices(conversations).to_numpy().astype(np.int64)
    return Turns(conversations=len(conversations), row=row, **columns)


def folded(turns: Turns) -> pa.Array:
    """Return the conversations as a column of the stage `cleaned`."""
    leaves = [getattr(turns, field.name) for field in _TURN]
    structs = pa.StructArray.from_arrays(leaves, fields=list(_TURN))
    return pa.LargeListArray.from_arrays(turns.offsets, structs, type=CONVERSATION)
