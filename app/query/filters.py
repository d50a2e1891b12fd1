"""What a reader selects: conditions that Iceberg can push down, and those it can't."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    EqualTo,
    GreaterThanOrEqual,
    IsNull,
    LessThan,
)

from catalog.records import Rating
from catalog.scan import day_bounds
from catalog.schema import SCHEMA

FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9998, 12, 31)
"""The last day whose next day is in the calendar with certainty, whatever the zone."""
EXACT_COLUMNS: Final = (
    "ingest_id",
    "source",
    "submitter_id",
    "attribution",
    "agent_id",
    "prompt_template",
    "chat_template",
    "content_hash",
)
"""The columns that are compared as they are."""
NULLABLE_COLUMNS: Final = tuple(name for name in EXACT_COLUMNS if SCHEMA.find_field(name).optional)
"""Those of them that a contribution may lack."""
_CONVERSATION: Final = "conversation"

Condition = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The contributions to select, which meet all conditions; None selects all.

    Conditions on turns may be met by one turn each.

    Attributes:
        day_from: Received on this day (UTC) or later.
        day_to: Received on this day or earlier.
        ingest_id: With this id of the client's.
        source: From this source.
        submitter_id: By this contributor.
        attribution: To be credited to this name.
        agent_id: With this agent.
        prompt_template: With this prompt template.
        chat_template: With this chat template.
        content_hash: With exactly this conversation.
        absent: Without a value in these columns, which are some of `NULLABLE_COLUMNS`.
        min_turns: With so many turns or more.
        max_turns: With so many turns or fewer.
        role: With a turn of this role.
        rating: With a turn that is rated so.
        q: With a turn that has this text in its content or edited content, in upper or lower case:
            characters are folded one by one, as Unicode's simple case folding does.
        all_versions: Also versions that their contributor has replaced.
    """

    day_from: date | None = None
    day_to: date | None = None
    ingest_id: str | None = None
    source: str | None = None
    submitter_id: str | None = None
    attribution: str | None = None
    agent_id: str | None = None
    prompt_template: str | None = None
    chat_template: str | None = None
    content_hash: str | None = None
    absent: frozenset[str] = frozenset()
    min_turns: int | None = None
    max_turns: int | None = None
    role: str | None = None
    rating: Rating | None = None
    q: str | None = None
    all_versions: bool = False

    def pushed_down(self) -> BooleanExpression:
        """Return the conditions on columns: Iceberg prunes files by them, Parquet row groups."""
        condition: BooleanExpression = AlwaysTrue()
        for column in EXACT_COLUMNS:
            value = getattr(self, column)
            if value is not None:
                condition = And(condition, EqualTo(column, value))
        for column in sorted(self.absent):
            condition = And(condition, IsNull(column))
        if self.day_from or self.day_to:
            last = min(self.day_to or LAST_DAY, LAST_DAY)
            bounds = day_bounds(self.day_from or FIRST_DAY, last)
            condition = And(condition, received_between(*bounds))
        return condition

    @property
    def needed_columns(self) -> frozenset[str]:
        """The columns that `select` looks at."""
        return frozenset({_CONVERSATION} if any(self._conditions()) else ())

    def select(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Apply the conditions that Iceberg can't express: they reach into a list."""
        for condition in self._conditions():
            batch = batch.filter(condition(batch.column(_CONVERSATION)))
        return batch

    def _conditions(self) -> Iterator[Condition]:
        """Yield conditions on conversations, the cheap ones first."""
        if self.min_turns is not None:
            yield partial(_has_turns, pc.greater_equal, self.min_turns)
        if self.max_turns is not None:
            yield partial(_has_turns, pc.less_equal, self.max_turns)
        if self.role is not None:
            yield partial(_has_turn_with, "role", self.role)
        if self.rating is not None:
            yield partial(_has_turn_with, "rating", self.rating)
        if self.q is not None:
            yield partial(_has_text, self.q)


def received_between(start: datetime, end: datetime) -> BooleanExpression:
    """Return the condition that a contribution was received from `start` to just before `end`."""
    return And(
        GreaterThanOrEqual("received_at", start.isoformat()),
        LessThan("received_at", end.isoformat()),
    )


def _has_turns(
    compare: Callable[[pa.Array, int], pa.Array], turns: int, value: pa.Array
) -> pa.Array:
    return compare(pc.list_value_length(value), turns)


def _has_turn_with(field: str, value: str, conversations: pa.Array) -> pa.Array:
    return _any_turn(conversations, pc.equal(_of_turns(conversations, field), value))


def _has_text(text: str, conversations: pa.Array) -> pa.Array:
    contents, edited = (
        pc.match_substring(_of_turns(conversations, field), text, ignore_case=True)
        for field in ("content", "edited_content")
    )
    return _any_turn(conversations, pc.or_kleene(contents, edited))


def _of_turns(conversations: pa.Array, field: str) -> pa.Array:
    return pc.struct_field(pc.list_flatten(conversations), field)


def _any_turn(conversations: pa.Array, met: pa.Array) -> pa.Array:
    """Return which conversations have a turn that meets a condition, given which turns do."""
    rows = pc.list_parent_indices(conversations).filter(met)
    return pc.is_in(pa.arange(0, len(conversations)), rows)
