"""Metrics of what clients send: submissions and reports."""

from typing import Final, get_args

from prometheus_client import Counter

from app.telemetry.labels import RejectionReason, ReportReason
from app.telemetry.metrics.registry import REGISTRY

_accepted: Final = Counter(
    "chatlake_accepted_contributions",
    "Contributions that became durable",
    registry=REGISTRY,
)
_repeated: Final = Counter(
    "chatlake_repeated_submissions",
    "Submissions that were recognised as sent before, and not stored again",
    registry=REGISTRY,
)
_rejected: Final = Counter(
    "chatlake_rejected_submissions",
    "Submissions that were not accepted",
    ["reason"],
    registry=REGISTRY,
)
_reports: Final = Counter(
    "chatlake_reports",
    "Reports of contributions; of a network, the first report of each contribution",
    ["reason"],
    registry=REGISTRY,
)

# Exposes 0 for what hasn't happened yet: see `app.telemetry.metrics`.
for _reason in get_args(RejectionReason):
    _rejected.labels(_reason)
for _report_reason in get_args(ReportReason):
    _reports.labels(_report_reason)


def journalled(accepted: int, repeated: int) -> None:
    """Count acknowledged submissions.

    Args:
        accepted: Number of submissions that were stored.
        repeated: Number of submissions that had been stored before.
    """
    if accepted:
        _accepted.inc(accepted)
    if repeated:
        _repeated.inc(repeated)


def rejected(reason: RejectionReason, submissions: int = 1) -> None:
    """Count submissions that were not accepted, for one reason."""
    _rejected.labels(reason).inc(submissions)


def reported(reason: ReportReason) -> None:
    """Count a report of a contribution."""
    _reports.labels(reason).inc()
