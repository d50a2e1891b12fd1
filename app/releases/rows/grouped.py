"""The rows of `cleaned` with the prompt groups that splits go by.

A group depends on all rows of a stage: a later row may connect two groups. So the table of
`cleaned`, which is computed row by row, has none, and a release finds them. `curated` has them from
its decisions over all rows.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from pyiceberg.schema import Schema

from app.curation.rules.curating.arrays import Ints
from app.curation.rules.curating.columns import StoredColumns
from app.curation.rules.curating.facts import PROMPT_FACTS, Facts
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.prompt_groups import prompt_groups, prompts_of
from app.releases.rows.optional_fields import arrow_schema
from catalog.stages.reader import StageReader
from catalog.stages.tables import COMPUTED_STAGES, PROMPT_GROUP

_MIN_SIMILARITY: Final = CuratingParameters().min_similarity


def with_prompt_groups(
    cleaned: StageReader, schema: Schema
) -> tuple[Schema, Iterator[pa.RecordBatch]]:
    """Return a schema with the column `prompt_group` added, and the rows of `cleaned` in it.

    Args:
        cleaned: Reads the rows.
        schema: Schema of the rows, without the column.
    """
    hashes, groups = _groups(cleaned)
    column = COMPUTED_STAGES["curated"].schema.find_field(PROMPT_GROUP)
    return (
        Schema(*schema.fields, column, identifier_field_ids=schema.identifier_field_ids),
        _with_groups(cleaned.rows(arrow_schema(schema).names), hashes, groups),
    )


def _groups(cleaned: StageReader) -> tuple[Ints, Ints]:
    """Return the hash of the prompt of each row, and that of the first prompt of its group."""

    def read_texts(ids: Sequence[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return cleaned.rows(columns, ids=ids)

    with StoredColumns() as columns:
        facts = Facts(columns)
        facts.store_prompts(cleaned.rows(PROMPT_FACTS))
        hashes = facts.numbers("prompt")
        prompts = prompts_of(facts, np.arange(len(hashes)), read_texts)
        groups, _ = prompt_groups(prompts, _MIN_SIMILARITY)
        return hashes, groups


def _with_groups(
    batches: Iterator[pa.RecordBatch], hashes: Ints, groups: Ints
) -> Iterator[pa.RecordBatch]:
    """Yield batches of all rows in their order with the column, null where it is the own prompt."""
    start = 0
    for batch in batches:
        part = slice(start, start + batch.num_rows)
        start = part.stop
        values = pa.array(groups[part], pa.int64(), mask=groups[part] == hashes[part])
        yield batch.append_column(PROMPT_GROUP, values)
