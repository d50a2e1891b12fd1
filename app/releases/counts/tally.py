"""Counting the contributions of a release: where they come from, and what is known of them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from app.releases.counts.frequent import FrequentValues, counts_of
from app.releases.counts.roles import plain_roles
from app.releases.counts.statistics import Feedback
from app.releases.credits import Credited, names_to_credit, readable
from app.releases.rows.filters import has_elements, in_any_turn
from catalog.schema import CONVERSATION


@dataclass
class ReleaseTally:
    """Counts of the contributions that a release has rows of.

    Attributes:
        contributions: Number of all of them.
        first_received_at: When the first one was received; None without any.
        last_received_at: When the last one was received; None without any.
        languages: Number by language.
        masked: Number of masked pieces of text by kind of mask.
        licences: Number by the licence of their own, for those that state one.
        credited: Number by who is to be credited.
        anonymous: Number of those without a readable name to credit.
        sources: Number by `source`.
        agents: Number by `agent_id`.
        models: Number of turns of assistants by the model that they name.
        irregular: Number by the reason why strict chat templates refuse them.
        irregular_contributions: Number of those that they refuse.
        cut_tokens: Number of special tokens of models that were cut out.
        flagged: Number of those with a flagged turn, by the category that it is flagged for.
        quality_scores: Number by quality score, in tenths rounded down, for those that have one.
    """

    contributions: int = 0
    first_received_at: datetime | None = None
    last_received_at: datetime | None = None
    languages: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    licences: FrequentValues = field(default_factory=FrequentValues)
    credited: Counter[Credited] = field(default_factory=Counter)
    anonymous: int = 0
    sources: FrequentValues = field(default_factory=FrequentValues)
    agents: FrequentValues = field(default_factory=FrequentValues)
    models: FrequentValues = field(default_factory=FrequentValues)
    irregular: Counter[str] = field(default_factory=Counter)
    irregular_contributions: int = 0
    cut_tokens: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    quality_scores: Counter[str] = field(default_factory=Counter)
    _feedback: Counter[str] = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count rows of the raw table or of a stage."""
        columns = batch.schema.names
        if not batch.num_rows:
            return
        self.contributions += batch.num_rows
        self._add_times(batch["received_at"])
        self._add_credits(batch["attribution"], batch["contributor_id"])
        self.sources.add(batch["source"])
        self.agents.add(batch["agent_id"])
        self._add_turns(batch)
        if "licence" in columns:
            self.licences.add(batch["licence"])
        if "language" in columns:
            self.languages.update(counts_of(batch["language"]))
        if "irregular" in columns:
            self.irregular.update(counts_of(batch["irregular"].flatten()))
            self.irregular_contributions += batch.num_rows - batch["irregular"].null_count
        if "cut_tokens" in columns:
            self.cut_tokens += pc.sum(batch["cut_tokens"]).as_py() or 0
        self._add_measures(batch)

    def credits(self) -> dict[str, int]:
        """Return the number of rows by name, as `CREDITS.txt` lists them."""
        return names_to_credit(self.credited)

    def feedback(self) -> Feedback:
        """Return what contributors said of the turns."""
        names = ("positive", "negative", "edited", "alternatives", "stopped", "contributions")
        return Feedback(**{name: self._feedback[name] for name in names})

    def _add_times(self, received_at: pa.Array) -> None:
        times = pc.min_max(received_at).as_py()
        first, last = times["min"], times["max"]
        self.first_received_at = min(first, self.first_received_at or first)
        self.last_received_at = max(last, self.last_received_at or last)

    def _add_credits(self, attributions: pa.Array, contributor_ids: pa.Array) -> None:
        named = pa.table({"name": attributions, "contributor_id": contributor_ids})
        counts = named.group_by(named.column_names, use_threads=False).aggregate(
            [([], "count_all")]
        )
        for name, contributor_id, rows in zip(
            *(column.to_pylist() for column in counts.columns), strict=True
        ):
            shown = readable(name or "")
            if shown:
                self.credited[Credited(shown, contributor_id)] += rows
            else:
                self.anonymous += rows

    def _add_measures(self, batch: pa.RecordBatch) -> None:
        columns = batch.schema.names
        if "masked" in columns:
            masks = batch["masked"]
            for kind in masks.type:
                self.masked[kind.name] += pc.sum(masks.field(kind.name)).as_py() or 0
        if "flags" in columns:
            for flags in batch["flags"].drop_null().to_pylist():
                self.flagged.update({flag["category"] for flag in flags})
        if "quality_score" in columns:
            scores = batch["quality_score"].drop_null()
            tenths = pc.min_element_wise(pc.floor(pc.multiply(scores, 10)), 9)
            for tenth, number in counts_of(tenths).items():
                self.quality_scores[f"{tenth / 10:.1f}"] += number

    def _add_turns(self, batch: pa.RecordBatch) -> None:
        turns = batch[CONVERSATION].flatten()
        fields = {part.name: turns.field(part.name) for part in turns.type}
        edited = fields["edited_content"]
        ratings = counts_of(fields["rating"].drop_null())
        judged = pc.or_(
            in_any_turn(batch, "rating", pc.is_valid),
            in_any_turn(batch, "edited_content", pc.is_valid),
        )
        self._feedback.update(
            positive=ratings.get("positive", 0),
            negative=ratings.get("negative", 0),
            edited=len(edited) - edited.null_count,
            stopped=fields["stopped"].true_count,
            contributions=judged.true_count,
        )
        if "alternatives" in fields:
            self._feedback["alternatives"] += has_elements(fields["alternatives"]).true_count
        models = fields.get("model", pa.nulls(len(turns), pa.large_string()))
        self.models.add(models.filter(pc.equal(plain_roles(fields["role"]), "assistant")))
