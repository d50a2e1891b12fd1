"""The records of takedowns themselves, which name ids on purpose and hold no text."""

from typing import Final

from app.state.models import HiddenContribution, TakedownRecord, TakenDownContribution

OWN_TABLES: Final = frozenset(
    model.__tablename__ for model in (HiddenContribution, TakedownRecord, TakenDownContribution)
)
"""Tables that are not searched, nor their indexes."""
