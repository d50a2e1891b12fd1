"""The records of takedowns and decisions, which name ids on purpose and outlive what they name."""

from typing import Final

from app.state.models import (
    HiddenContribution,
    ModerationLogEntry,
    TakedownRecord,
    TakenDownContribution,
)

OWN_TABLES: Final = frozenset(
    model.__tablename__
    for model in (HiddenContribution, ModerationLogEntry, TakedownRecord, TakenDownContribution)
)
"""Tables that are not searched for ids, nor their indexes. Their rows are searched for a text,
since somebody may have quoted it as a reason."""
