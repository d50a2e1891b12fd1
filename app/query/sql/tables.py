"""The tables of queries in SQL, for editors that propose their columns."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from catalog.schema import ARROW_SCHEMA, CONVERSATION


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: Name of the column.
        type: Arrow's name of its type; of lists and structs, only their kind.
    """

    name: str
    type: str


_BESIDE_TURNS: Final = (
    *("contribution_id", "conversation_id", "received_at", "source", "contributor_id"),
    *("attribution", "agent_id", "sequence_number"),
)
"""The columns of contributions that turns have, too, as `sandbox.tables` makes them."""
_TURN_NUMBER: Final = Column("turn_number", "int64")


def columns_of_tables() -> dict[str, list[Column]]:
    """Return the columns of each table that a query may read."""
    contributions = [_column(field) for field in ARROW_SCHEMA]
    beside = [_column(ARROW_SCHEMA.field(name)) for name in _BESIDE_TURNS]
    of_turn = [_column(field) for field in ARROW_SCHEMA.field(CONVERSATION).type.value_type]
    return {
        "contributions": contributions,
        "turns": [*beside, _TURN_NUMBER, *of_turn],
        "all_versions": contributions,
    }


def _column(field: pa.Field) -> Column:
    kind = field.type
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return Column(field.name, "list")
    if pa.types.is_struct(kind):
        return Column(field.name, "struct")
    return Column(field.name, str(kind).removeprefix("large_").partition("[")[0])
