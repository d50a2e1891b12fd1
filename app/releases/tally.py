"""Counting the contributions of a release by language, mask, licence and name to credit."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from app.releases.credits import join_look_alikes, readable


@dataclass
class ReleaseTally:
    """Counts of the contributions that a release has rows of.

    Attributes:
        contributions: Number of all of them.
        languages: Number by language.
        masked: Number of masked pieces of text by kind of mask.
        licences: Number by the licence of their own, for those that state one.
        names: Number by the readable form of the name to credit.
        anonymous: Number of those without a readable name to credit.
    """

    contributions: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    anonymous: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count rows of the raw table or of a stage."""
        columns = batch.schema.names
        self.contributions += batch.num_rows
        self._add_credits(batch["attribution"])
        if "language" in columns:
            self.languages.update(_counts(batch["language"]))
        if "licence" in columns:
            self.licences.update(_counts(batch["licence"].drop_null()))
        if "masked" in columns:
            masks = batch["masked"]
            for kind in masks.type:
                self.masked[kind.name] += pc.sum(masks.field(kind.name)).as_py() or 0

    def credits(self) -> dict[str, int]:
        """Return the number of rows by name to credit, with names that look alike joined."""
        return join_look_alikes(self.names)

    def _add_credits(self, attributions: pa.Array) -> None:
        for name, rows in _counts(attributions).items():
            shown = readable(name or "")
            if shown:
                self.names[shown] += rows
            else:
                self.anonymous += rows


def _counts(values: pa.Array) -> dict[str, int]:
    counted = values.value_counts()
    return dict(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    )
