"""The forms of a release: what a row of it is."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import pyarrow as pa
from pyiceberg.schema import Schema

from app.releases.errors import FormNeedsStage
from app.releases.recipe import Recipe
from app.releases.rows.conversations import ConversationRows
from app.releases.rows.pairs import PairRows


class ReleaseRows(Protocol):
    """Makes the rows of a release from those of a stage."""

    @property
    def schema(self) -> Schema:
        """Iceberg schema of the rows."""

    @property
    def sources(self) -> Mapping[str, int]:
        """Number of rows so far by what a preference is known from; empty for conversations."""

    def convert(self, batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """Yield rows that a batch of a stage gives, each time with the rows that they come from."""

    def split_prompts(self, rows: pa.RecordBatch) -> Iterator[int]:
        """Yield the hash of the prompt that puts each row into a split."""


def rows_of(recipe: Recipe, table: Schema) -> ReleaseRows:
    """Return what makes the rows of a release.

    Args:
        recipe: The release.
        table: The schema of the stage's rows.

    Raises:
        FormNeedsStage: The recipe asks for the preferences of a raw release.
    """
    if recipe.form == "conversations":
        return ConversationRows(recipe.stage, table)
    if recipe.stage == "raw":
        raise FormNeedsStage(recipe.form)
    return PairRows(recipe.form, recipe.stage, table, recipe.shared_prompts)
