"""Reports, decisions, the log and bans, as requests and answers have them."""

from typing import Final

from marshmallow import RAISE, Schema, fields, validate

from app.access.moderation.log import ACTIONS
from app.access.moderation.quarantine import QUARANTINE_CAUSES, STATES
from app.access.moderation.reports import MAX_COMMENT_CHARACTERS, REPORT_REASONS
from app.api.schemas.contributions import CONTRIBUTION_EXAMPLE, ContributionSchema
from app.api.schemas.paging import PagingSchema
from app.ingest.contract import Text

MAX_REASON_CHARACTERS: Final = 1_000
MAX_IDS: Final = 1_000
"""Ids that one request may decide about."""
CONTRIBUTOR_ID_PATTERN: Final = "^[0-9a-f]{32}$"

_ID: Final = "01a2078f-240f-72b8-af80-7eba2ba52819"
MAX_MIN_REPORTS: Final = 2**31
_CONTRIBUTOR_ID: Final = "5f0a3b6c9d2e48718c1d7e6f90ab34cd"
_AT: Final = "2026-11-29T21:04:05.119000+00:00"


class _StrictSchema(Schema):
    """A body whose keys are all known: a misspelt one would silently do something else."""

    class Meta:
        """Refuse unknown keys."""

        unknown = RAISE


def _reason_field() -> Text:
    return Text(
        allow_none=True,
        load_default=None,
        validate=validate.Length(max=MAX_REASON_CHARACTERS),
        metadata={"description": "Why. The log keeps it for ever: don't quote the contribution"},
    )


class ReportSchema(_StrictSchema):
    """What is wrong with a contribution."""

    reason = fields.String(required=True, validate=validate.OneOf(REPORT_REASONS))
    comment = Text(
        allow_none=True,
        load_default=None,
        validate=validate.Length(max=MAX_COMMENT_CHARACTERS),
        metadata={"description": "What moderators should know; nobody else sees it"},
    )


REPORT_EXAMPLE: Final = {"reason": "personal_data", "comment": "The third turn has my address."}


class ReportedSchema(Schema):
    """A report that was taken."""

    contribution_id = fields.UUID()
    reason = fields.String(validate=validate.OneOf(REPORT_REASONS))


REPORTED_EXAMPLE: Final = {"contribution_id": _ID, "reason": "personal_data"}


class DecisionSchema(_StrictSchema):
    """Why a moderator decides as they do."""

    reason = _reason_field()


DECISION_EXAMPLE: Final = {"reason": "an invented address"}


class DecidedSchema(Schema):
    """What was decided about a contribution."""

    contribution_id = fields.UUID()
    action = fields.String(validate=validate.OneOf(ACTIONS))


DECIDED_EXAMPLE: Final = {"contribution_id": _ID, "action": "approve"}


class QuarantineSchema(DecisionSchema):
    """Contributions to hide until a moderator decides."""

    contribution_ids = fields.List(
        fields.UUID(), required=True, validate=validate.Length(min=1, max=MAX_IDS)
    )


QUARANTINE_EXAMPLE: Final = {"contribution_ids": [_ID], "reason": "asked by mail"}


class CountedSchema(Schema):
    """How many of the given ids something was new for."""

    added = fields.Integer(metadata={"description": "Those that it wasn't true of before"})


COUNTED_EXAMPLE: Final = {"added": 1}


class BanRequestSchema(DecisionSchema):
    """Contributors of whom nothing is taken any more."""

    contributor_ids = fields.List(
        fields.String(validate=validate.Regexp(CONTRIBUTOR_ID_PATTERN)),
        required=True,
        validate=validate.Length(min=1, max=MAX_IDS),
    )
    takedown = fields.Boolean(
        load_default=False, metadata={"description": "Whether what they sent is erased as well"}
    )


BAN_REQUEST_EXAMPLE: Final = {
    "contributor_ids": [_CONTRIBUTOR_ID],
    "reason": "advertising",
    "takedown": False,
}


class BanSchema(Schema):
    """A contributor who is banned."""

    contributor_id = fields.String()
    state = fields.String(
        validate=validate.OneOf(["hiding", "banned"]),
        metadata={"description": "`hiding` until everything that they sent is hidden"},
    )
    reason = fields.String(allow_none=True)
    banned_by = fields.String(metadata={"description": "As `actor` of the log"})
    banned_at = fields.DateTime()


class BanListSchema(Schema):
    """Everybody who is banned, in the order of time."""

    bans = fields.List(fields.Nested(BanSchema))


BAN_LIST_EXAMPLE: Final = {
    "bans": [
        {
            "contributor_id": _CONTRIBUTOR_ID,
            "state": "banned",
            "reason": "advertising",
            "banned_by": "moderator-1",
            "banned_at": _AT,
        }
    ]
}


class UnbannedSchema(Schema):
    """A contributor who isn't banned any more."""

    contributor_id = fields.String()


UNBANNED_EXAMPLE: Final = {"contributor_id": _CONTRIBUTOR_ID}
CONTRIBUTOR_ID_PARAMETER: Final = {
    "in": "path",
    "name": "contributor_id",
    "schema": {"type": "string", "minLength": 1},
    "example": _CONTRIBUTOR_ID,
}


class ReviewPagingSchema(PagingSchema):
    """A page of what waits for a decision."""

    state = fields.String(
        validate=validate.OneOf(STATES),
        metadata={"description": "Only what is hidden, or only what is reported and still seen"},
    )
    min_reports = fields.Integer(
        validate=validate.Range(min=1, max=MAX_MIN_REPORTS),
        metadata={
            "description": "Of what is only reported, only what has so many reports that wait"
        },
    )


class CauseSchema(Schema):
    """A cause for which a contribution is in quarantine."""

    cause = fields.String(validate=validate.OneOf(QUARANTINE_CAUSES))
    reason = fields.String(allow_none=True)
    actor = fields.String(
        metadata={"description": "A key's name, or `cli:` and a user, or `service:` and a part"}
    )
    quarantined_at = fields.DateTime()


class ReviewedReportSchema(ReportSchema):
    """A report, as moderators see it."""

    reporter = fields.String(
        metadata={"description": "Keyed hash of the network that it came from"}
    )
    reported_at = fields.DateTime()
    is_reviewed = fields.Boolean(
        metadata={"description": "Whether a moderator approved in spite of such reports"}
    )


class ScoreSchema(Schema):
    """What a scorer says of a contribution."""

    scorer = fields.String()
    version = fields.String()
    category = fields.String(
        allow_none=True, metadata={"description": "Null if the scorer couldn't be asked"}
    )
    score = fields.Float(allow_none=True, metadata={"description": "0 to 1"})


class LogEntrySchema(Schema):
    """A decision."""

    entry_id = fields.Integer()
    decided_at = fields.DateTime()
    actor = fields.String(
        metadata={"description": "A key's name, or `cli:` and a user, or `service:` and a part"}
    )
    action = fields.String(validate=validate.OneOf(ACTIONS))
    kind = fields.String(validate=validate.OneOf(["contribution", "conversation", "contributor"]))
    identifier = fields.String()
    reason = fields.String(allow_none=True)


class ReviewSchema(Schema):
    """A contribution with all that moderators know of it."""

    contribution_id = fields.UUID()
    causes = fields.List(
        fields.Nested(CauseSchema), metadata={"description": "Why it is hidden; empty if it isn't"}
    )
    reports = fields.List(
        fields.Nested(ReviewedReportSchema),
        metadata={"description": "The oldest 20 for each reason, in a list the oldest 3"},
    )
    open_reports = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "How many reports wait for a decision, by reason"},
    )
    scores = fields.List(
        fields.Nested(ScoreSchema),
        metadata={"description": "As of the newest build of `cleaned`, if that has it"},
    )
    log = fields.List(
        fields.Nested(LogEntrySchema), metadata={"description": "Decisions, newest first"}
    )
    contribution = fields.Nested(ContributionSchema, allow_none=True)


_LOG_ENTRY_EXAMPLE: Final = {
    "entry_id": 7,
    "decided_at": _AT,
    "actor": "service:reports",
    "action": "quarantine",
    "kind": "contribution",
    "identifier": _ID,
    "reason": "personal_data 3",
}
REVIEW_EXAMPLE: Final = {
    "contribution_id": _ID,
    "causes": [
        {
            "cause": "reports",
            "reason": "personal_data 3",
            "actor": "service:reports",
            "quarantined_at": _AT,
        }
    ],
    "reports": [
        {
            **REPORT_EXAMPLE,
            "reporter": "0b64a2f7c1d94e0f8a35c7be21d60f43",
            "reported_at": _AT,
            "is_reviewed": False,
        }
    ],
    "open_reports": {"personal_data": 3},
    "scores": [{"scorer": "toxicity", "version": "1", "category": "insult", "score": 0.12}],
    "log": [_LOG_ENTRY_EXAMPLE],
    "contribution": CONTRIBUTION_EXAMPLE,
}


class ReviewListSchema(Schema):
    """A page of what waits for a decision, in the order of receipt."""

    reviews = fields.List(fields.Nested(ReviewSchema))
    next_cursor = fields.String(allow_none=True)


REVIEW_LIST_EXAMPLE: Final = {"reviews": [REVIEW_EXAMPLE], "next_cursor": None}


class LogPagingSchema(PagingSchema):
    """A page of the log."""

    about = Text(
        validate=validate.Length(min=1, max=512),
        metadata={"description": "Only decisions about this id"},
    )


class LogSchema(Schema):
    """A page of the log, newest decisions first."""

    entries = fields.List(fields.Nested(LogEntrySchema))
    next_cursor = fields.String(allow_none=True)


LOG_EXAMPLE: Final = {"entries": [_LOG_ENTRY_EXAMPLE], "next_cursor": None}
