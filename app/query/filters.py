"""The conditions by which readers select contributions.

Conditions on whole columns are pushed down to files; conditions on turns are checked afterwards.
"""

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
from catalog.schema import CONVERSATION, SCHEMA

FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9998, 12, 31)
"""The last day whose following day exists in the calendar of every time zone."""
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
"""The columns that are compared with a whole value."""
NULLABLE_COLUMNS: Final = tuple(name for name in EXACT_COLUMNS if SCHEMA.find_field(name).optional)
"""The columns of `EXACT_COLUMNS` that a contribution may lack."""

Condition = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions on contributions. A contribution is selected if it meets all of them.

    An attribute that is None is no condition.

    The conditions on turns (role, rating, q) may each be met by a different turn.

    Attributes:
        day_from: The first day (UTC) on which the contribution may have been received.
        day_to: The last day (UTC) on which the contribution may have been received.
        ingest_id: The client's id of the conversation.
        source: The source.
        submitter_id: The contributor.
        attribution: The name to credit.
        agent_id: The agent.
        prompt_template: The prompt template.
        chat_template: The chat template.
        content_hash: The hash of the conversation.
        absent: Columns in which the contribution has no value, out of `NULLABLE_COLUMNS`.
        min_turns: The lowest number of turns.
        max_turns: The highest number of turns.
        role: The role of at least one turn.
        rating: The rating of at least one turn.
        q: Text in the content or edited content of at least one turn. Case is ignored, character by
            character, by Unicode's simple case folding.
        all_versions: Whether versions that a later one superseded are selected too.
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
        """Return the conditions on whole columns, by which files and row groups are skipped."""
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
        """The columns that a batch needs for `select`."""
        return frozenset({CONVERSATION} if any(self._conditions()) else ())

    def select(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch that meet the conditions on turns.

        Iceberg can't express these, since they look into a list.
        """
        for condition in self._conditions():
            batch = batch.filter(condition(batch.column(CONVERSATION)))
        return batch

    def _conditions(self) -> Iterator[Condition]:
        """Yield the conditions on conversations, cheap ones first."""
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
    """Return which conversations have a turn that meets a condition.

    Args:
        conversations: The conversations, a list of turns each.
        met: Whether each turn of all the conversations meets the condition.
    """
    rows = pc.list_parent_indices(conversations).filter(met)
    return pc.is_in(pa.arange(0, len(conversations)), rows)
