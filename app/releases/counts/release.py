"""All counts of a release."""

import pyarrow as pa

from app.releases.counts.numbers import NumberTally
from app.releases.counts.statistics import ReleaseStatistics
from app.releases.counts.tally import ReleaseTally
from app.releases.counts.texts import MessageTally


class ReleaseCounts:
    """Counts the rows of a release and the contributions that they come from.

    Attributes:
        tally: Counts of the contributions.
    """

    def __init__(self) -> None:
        self.tally = ReleaseTally()
        self._messages = MessageTally()
        self._numbers = NumberTally()

    def add(self, rows: pa.RecordBatch, contributions: pa.RecordBatch) -> None:
        """Count rows.

        Args:
            rows: Published rows.
            contributions: The rows of the raw table or of a stage that they come from.
        """
        self.tally.add(contributions)
        self.add_rows(rows)

    def add_rows(self, rows: pa.RecordBatch) -> None:
        """Count published rows, and not the contributions that they come from."""
        self._messages.add(rows)
        self._numbers.add(rows)

    def medians(self) -> dict[str, float]:
        """Return the medians of the columns of numbers, by name."""
        return self._numbers.medians()

    def statistics(self, *, is_raw: bool) -> ReleaseStatistics:
        """Return the statistics of the rows so far.

        Args:
            is_raw: Whether the rows are raw, so that nothing tells which of them are regular.
        """
        tally = self.tally
        regular = tally.contributions - tally.irregular_contributions
        return ReleaseStatistics(
            first_received_at=tally.first_received_at,
            last_received_at=tally.last_received_at,
            sources=tally.sources.frequencies(),
            agents=tally.agents.frequencies(),
            models=tally.models.frequencies(),
            licences=tally.licences.frequencies(),
            feedback=tally.feedback(),
            irregular=dict(sorted(tally.irregular.items())),
            regular=None if is_raw else regular,
            cut_tokens=tally.cut_tokens,
            texts=self._messages.texts(),
            tokens=self._messages.tokens(),
        )
