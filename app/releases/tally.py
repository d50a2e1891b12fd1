"""Counting what a release holds while its rows pass by."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from app.releases.credits import join_look_alikes, readable


@dataclass
class Tally:
    """What a release holds.

    Attributes:
        languages: Rows by their language.
        masked: Masked pieces by their kind.
        names: Rows by the name that their contributor asked to be credited by, as far as it can be
            read.
        anonymous: Rows without such a name.
    """

    languages: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    anonymous: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count rows, of the raw table or of a stage."""
        names = batch.schema.names
        self._add_credits(batch["attribution"])
        if "language" in names:
            self.languages.update(_counts(batch["language"]))
        if "masked" in names:
            masks = batch["masked"]
            for kind in masks.type:
                self.masked[kind.name] += pc.sum(masks.field(kind.name)).as_py() or 0

    def credits(self) -> dict[str, int]:
        """Return the rows by the names to credit, of which no two look alike."""
        return join_look_alikes(self.names)

    def _add_credits(self, attributions: pa.Array) -> None:
        for name, rows in _counts(attributions).items():
            words = readable(name or "")
            if words:
                self.names[words] += rows
            else:
                self.anonymous += rows


def _counts(values: pa.Array) -> dict[str, int]:
    counted = values.value_counts()
    return dict(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    )
