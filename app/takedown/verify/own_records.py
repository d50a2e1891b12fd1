"""The records of takedowns, and the log of moderation, which name ids on purpose."""

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
"""Tables that are not searched, nor their indexes."""
