"""The conditions by which readers select contributions.

Conditions on whole columns are pushed down to files; conditions on turns are checked afterwards.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final

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

from catalog.reading.scan import day_bounds
from catalog.records import Rating
from catalog.schema import CONVERSATION, SCHEMA

FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9998, 12, 31)
"""The last day whose following day exists in the calendar of every time zone."""
EXACT_COLUMNS: Final = (
    "conversation_id",
    "source",
    "contributor_id",
    "attribution",
    "agent_id",
    "prompt_template",
    "chat_template",
    "content_hash",
)
"""The columns that are compared with a whole value."""
NULLABLE_COLUMNS: Final = tuple(name for name in EXACT_COLUMNS if SCHEMA.find_field(name).optional)
"""The columns of `EXACT_COLUMNS` that a contribution may lack."""


def _of(field: str) -> str:
    """Return the name by which a scan reads a field of turns."""
    return f"{CONVERSATION}.{field}"


_COUNTED: Final = (_of("stopped"),)
"""Small, and never missing, so turns can be counted by it."""
_TOOLS: Final = ("tools", _of("tool_calls.name"))
_ALTERNATIVES: Final = (_of("alternatives.stopped"),)
_TEXTS: Final = (_of("content"), _of("edited_content"))
_LABELS: Final = "labels"
_LIST_OF_LABELS: Final = pa.list_(
    pa.struct([("key", pa.large_string()), ("value", pa.large_string())])
)


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition that is checked on batches.

    Attributes:
        columns: The columns and fields of turns that it looks at, as a scan names them.
        is_met: Tells for each row of a batch whether the row meets the condition.
    """

    columns: tuple[str, ...]
    is_met: Callable[[pa.RecordBatch], pa.Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions on contributions. A contribution is selected if it meets all of them.

    An attribute that is None is no condition.

    The conditions on turns (role, rating, q) may each be met by a different turn.

    Attributes:
        day_from: The first day (UTC) on which the contribution may have been received.
        day_to: The last day (UTC) on which the contribution may have been received.
        conversation_id: The conversation.
        source: The source.
        contributor_id: The contributor.
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
        model: The model of at least one turn.
        has_tools: Whether tools were offered or a turn calls one.
        has_alternatives: Whether a turn has alternatives.
        labels: Labels that the contribution has, each a key or `key:value`.
        q: Text in the content or edited content of at least one turn. Case is ignored, character by
            character, by Unicode's simple case folding.
        all_versions: Whether versions that a later one superseded are selected too.
    """

    day_from: date | None = None
    day_to: date | None = None
    conversation_id: str | None = None
    source: str | None = None
    contributor_id: str | None = None
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
    model: str | None = None
    has_tools: bool | None = None
    has_alternatives: bool | None = None
    labels: tuple[str, ...] = ()
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
    def are_of_days(self) -> bool:
        """Whether there is no condition but on days, so that whole days are selected."""
        return self == Filters(
            day_from=self.day_from, day_to=self.day_to, all_versions=self.all_versions
        )

    @property
    def needed_columns(self) -> frozenset[str]:
        """The columns and fields of turns that a batch needs for `select`, as a scan names them."""
        return frozenset(name for condition in self._conditions() for name in condition.columns)

    def select(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch that meet the conditions that can't be pushed down.

        Iceberg can't express these, since they look into a list or a map.
        """
        for condition in self._conditions():
            batch = batch.filter(condition.is_met(batch))
        return batch

    def _conditions(self) -> Iterator[_Condition]:
        """Yield the conditions on conversations and labels, cheap ones first."""
        possible: tuple[tuple[Any, tuple[str, ...], Callable[..., pa.Array]], ...] = (
            (self.min_turns, _COUNTED, partial(_has_turns, pc.greater_equal)),
            (self.max_turns, _COUNTED, partial(_has_turns, pc.less_equal)),
            (self.role, (_of("role"),), partial(_has_turn_with, "role")),
            (self.rating, (_of("rating"),), partial(_has_turn_with, "rating")),
            (self.model, (_of("model"),), partial(_has_turn_with, "model")),
            (self.has_tools, _TOOLS, _has_tools),
            (self.has_alternatives, _ALTERNATIVES, _has_alternatives),
            *((label, (_LABELS,), _has_label) for label in self.labels),
            (self.q, _TEXTS, _has_text),
        )
        for wanted, columns, is_met in possible:
            if wanted is not None:
                yield _Condition(columns, partial(is_met, wanted))


def received_between(start: datetime, end: datetime) -> BooleanExpression:
    """Return the condition that a contribution was received from `start` to just before `end`."""
    return And(
        GreaterThanOrEqual("received_at", start.isoformat()),
        LessThan("received_at", end.isoformat()),
    )


def _has_turns(
    compare: Callable[[pa.Array, int], pa.Array], turns: int, batch: pa.RecordBatch
) -> pa.Array:
    return compare(pc.list_value_length(batch.column(CONVERSATION)), turns)


def _has_turn_with(field: str, value: str, batch: pa.RecordBatch) -> pa.Array:
    return _any_turn(batch, pc.equal(_of_turns(batch, field), value))


def _has_tools(wanted: bool, batch: pa.RecordBatch) -> pa.Array:
    calls = _any_turn(batch, pc.is_valid(_of_turns(batch, "tool_calls")))
    return pc.equal(pc.or_(calls, pc.is_valid(batch.column("tools"))), wanted)


def _has_alternatives(wanted: bool, batch: pa.RecordBatch) -> pa.Array:
    return pc.equal(_any_turn(batch, pc.is_valid(_of_turns(batch, "alternatives"))), wanted)


def _has_label(label: str, batch: pa.RecordBatch) -> pa.Array:
    # As a list: Arrow's functions of lists don't take maps.
    labels = batch.column(_LABELS).cast(_LIST_OF_LABELS)
    keys, values = pc.list_flatten(labels).flatten()
    written = pc.binary_join_element_wise(keys, values, pa.scalar(":", keys.type))
    met = pc.or_(pc.equal(keys, label), pc.equal(written, label))
    return _any_of(pc.list_parent_indices(labels), met, batch.num_rows)


def _has_text(text: str, batch: pa.RecordBatch) -> pa.Array:
    contents, edited = (
        pc.match_substring(_of_turns(batch, field), text, ignore_case=True)
        for field in ("content", "edited_content")
    )
    return _any_turn(batch, pc.or_kleene(contents, edited))


def _of_turns(batch: pa.RecordBatch, field: str) -> pa.Array:
    return pc.struct_field(pc.list_flatten(batch.column(CONVERSATION)), field)


def _any_turn(batch: pa.RecordBatch, met: pa.Array) -> pa.Array:
    """Return which contributions have a turn that meets a condition.

    Args:
        batch: The contributions.
        met: Whether each turn of all their conversations meets the condition.
    """
    return _any_of(pc.list_parent_indices(batch.column(CONVERSATION)), met, batch.num_rows)


def _any_of(rows: pa.Array, met: pa.Array, number: int) -> pa.Array:
    return pc.is_in(pa.arange(0, number), rows.filter(met))
