"""The relational tables, as `migrations/sql` makes them: a module for each domain.

All are imported here, so whoever has `Base` has every table.
"""

from app.state.models.access import ApiKeyRecord, ContributorNetwork, GateRecord, SharedBucket
from app.state.models.base import Base, UtcDateTime
from app.state.models.common import ListVersion, Secret
from app.state.models.journal import Claim, IdempotencyKey, JournalEntry, UploadRequest
from app.state.models.ledger import LedgerEntry
from app.state.models.moderation import (
    ApprovalRecord,
    BannedContribution,
    BanRecord,
    ModerationLogEntry,
    QuarantinedVersion,
    QuarantineRecord,
    ReportRecord,
)
from app.state.models.releases import HubPublicationRecord, ReleaseRecord, ReleaseSchedule
from app.state.models.stages import EvaluationSetRecord, StageChunk, ThinnedBuildRecord
from app.state.models.takedowns import (
    HeldBackFor,
    HiddenContribution,
    ShownAgain,
    TakedownRecord,
    TakenDownContribution,
)

__all__ = [
    "ApiKeyRecord",
    "ApprovalRecord",
    "BanRecord",
    "BannedContribution",
    "Base",
    "Claim",
    "ContributorNetwork",
    "EvaluationSetRecord",
    "GateRecord",
    "HeldBackFor",
    "HiddenContribution",
    "HubPublicationRecord",
    "IdempotencyKey",
    "JournalEntry",
    "LedgerEntry",
    "ListVersion",
    "ModerationLogEntry",
    "QuarantineRecord",
    "QuarantinedVersion",
    "ReleaseRecord",
    "ReleaseSchedule",
    "ReportRecord",
    "Secret",
    "SharedBucket",
    "ShownAgain",
    "StageChunk",
    "TakedownRecord",
    "TakenDownContribution",
    "ThinnedBuildRecord",
    "UploadRequest",
    "UtcDateTime",
]
