"""The records of takedowns and of decisions: they name ids on purpose, and should hold no text."""

from typing import Final

from app.state.models import (
    HiddenContribution,
    ModerationLogEntry,
    TakedownRecord,
    TakenDownContribution,
)

OWN_TABLES: Final = frozenset(
    model.__tablename__
    for model in (HiddenContribution, TakedownRecord, TakenDownContribution, ModerationLogEntry)
)
"""Tables in which ids don't count, nor in their indexes. A reason may quote a text, which does."""
