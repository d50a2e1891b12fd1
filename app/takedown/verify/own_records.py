"""The records of takedowns, decisions and versions, which name ids on purpose and hold no text."""

from typing import Final

from app.state.models import (
    HiddenContribution,
    ModerationLogEntry,
    TakedownRecord,
    TakenDownContribution,
)
from app.versions.models import IndexedVersion, PreparedVersion

OWN_TABLES: Final = frozenset(
    model.__tablename__
    for model in (
        HiddenContribution,
        TakedownRecord,
        TakenDownContribution,
        ModerationLogEntry,
        # What was taken down still counts as a version.
        IndexedVersion,
        PreparedVersion,
    )
)
"""Tables in which ids don't count, nor in their indexes. A reason may quote a text, which does."""
