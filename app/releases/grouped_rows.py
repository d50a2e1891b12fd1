"""The rows of `cleaned` with the prompt groups that splits go by.

A group depends on all rows of a stage: a later row may connect two groups. So the table of
`cleaned`, which is computed row by row, has none, and a release finds them. `curated` has them from
its decisions over all rows.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
from pyiceberg.schema import Schema

from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.prompt_groups import prompt_groups
from app.releases.optional_fields import arrow_schema
from catalog.membership import values_of
from catalog.schema import CONVERSATION, ID
from catalog.stage_tables import StageReader
from catalog.stages import COMPUTED_STAGES, PROMPT_GROUP

_FACTS: Final = (ID, "received_at", "signals", "prompt")
_MIN_SIMILARITY: Final = CuratingParameters().min_similarity


def with_prompt_groups(
    cleaned: StageReader, schema: Schema
) -> tuple[Schema, Iterator[pa.RecordBatch]]:
    """Return a schema with the column `prompt_group` added, and the rows of `cleaned` in it.

    What the groups follow from is held in memory for all rows, as by the build of `curated`.

    Args:
        cleaned: Reads the rows.
        schema: Schema of the rows, without the column.
    """
    facts = pa.Table.from_batches(
        cleaned.rows(_FACTS), pa.schema([cleaned.schema.field(name) for name in _FACTS])
    )

    def read_texts(ids: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return cleaned.rows([ID, CONVERSATION], ids=ids)

    groups = prompt_groups(facts, read_texts, _MIN_SIMILARITY)
    batches = cleaned.rows(arrow_schema(schema).names)
    column = COMPUTED_STAGES["curated"].schema.find_field(PROMPT_GROUP)
    return (
        Schema(*schema.fields, column, identifier_field_ids=schema.identifier_field_ids),
        (
            batch.append_column(PROMPT_GROUP, values_of(batch[ID], groups, PROMPT_GROUP))
            for batch in batches
        ),
    )
