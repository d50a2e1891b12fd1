"""The statistics of a release, as its manifest has them."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequencies:
    """How often the values of a kind occur.

    Attributes:
        counts: The most frequent values with their counts, the most frequent first.
        more: Number of other values.
        more_is_least: Whether there may be more other values than that.
        more_count: Sum of the counts of all other values.
        without: Number of those that have no value.
    """

    counts: dict[str, int] = field(default_factory=dict)
    more: int = 0
    more_is_least: bool = False
    more_count: int = 0
    without: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What contributors said of the turns that the release's contributions have.

    Attributes:
        positive: Number of turns that are rated positive.
        negative: Number of turns that are rated negative.
        edited: Number of turns that the contributor rewrote.
        alternatives: Number of turns that have an alternative.
        stopped: Number of turns that were cut off.
        contributions: Number of contributions with a rated or rewritten turn.
    """

    positive: int
    negative: int
    edited: int
    alternatives: int
    stopped: int
    contributions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The messages of the rows; those of preferences are in the prompt and in each answer.

    Attributes:
        messages: Number of messages by role.
        characters: Number of characters of contents and reasoning by role.
        rows_by_messages: Number of rows by number of messages: up to and including each key, and
            above the key before it. The last key is larger than every number.
        rows_by_characters: Number of rows by number of characters, with keys as above.
        most_messages: Number of messages of the row with the most.
        most_characters: Number of characters of the longest row.
    """

    messages: dict[str, int]
    characters: dict[str, int]
    rows_by_messages: dict[str, int]
    rows_by_characters: dict[str, int]
    most_messages: int
    most_characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The number of tokens of contents and reasoning, without what chat templates add.

    Attributes:
        tokenizer: Name of the tokenizer, with its version.
        sampled_rows: Number of rows that it was estimated from.
        is_exact: Whether all texts were counted.
        error_percent: Standard error of the sum of all tokens; 0 where all rows were sampled.
        by_role: Number of tokens by role.
        median: Median of the rows' numbers of tokens.
        ninth_decile: Number of tokens that nine of ten rows don't exceed.
    """

    tokenizer: str
    sampled_rows: int
    is_exact: bool
    error_percent: float
    by_role: dict[str, int]
    median: int
    ninth_decile: int

    @property
    def total(self) -> int:
        """Number of tokens of all roles."""
        return sum(self.by_role.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStatistics:
    """What a release holds, beside the counts that manifests have had since their beginning.

    Attributes:
        first_received_at: When the first of its contributions was received; None if it has none.
        last_received_at: When the last one was.
        sources: Contributions by `source`.
        agents: Contributions by `agent_id`.
        models: Turns of assistants by the model that they name.
        licences: Contributions by the licence of their own that they state.
        feedback: Ratings and corrections.
        irregular: Contributions by the reason why strict chat templates refuse them; one may have
            several.
        regular: Number of contributions that they take; None where nothing tells, in raw releases.
        cut_tokens: Number of special tokens of models that were cut out.
        texts: Messages and characters of the rows.
        tokens: Tokens of the rows.
    """

    first_received_at: datetime | None
    last_received_at: datetime | None
    sources: Frequencies
    agents: Frequencies
    models: Frequencies
    licences: Frequencies
    feedback: Feedback
    irregular: dict[str, int]
    regular: int | None
    cut_tokens: int
    texts: Texts
    tokens: Tokens
