"""The closed sets of values that labels of metrics take."""

from typing import Literal

RejectionReason = Literal[
    "malformed",
    "denied",
    "too_slow",
    "too_large",
    "unsupported",
    "invalid",
    "busy",
    "unavailable",
    "failed",
]
"""Why a submission or a line of a bulk upload was not accepted."""
LimitName = Literal["submissions", "uploads", "reads", "costly_reads", "rows", "bytes"]
"""What is limited for each client."""
ReportReason = Literal["personal_data", "illegal", "abusive", "sexual", "rights", "spam", "other"]
"""What is wrong with a contribution, in the eyes of who reports it."""
ConcurrencyLimitName = Literal["reads_at_once"]
"""Of what a client may have a number under way at the same time."""
ClientKind = Literal["address", "key", "contributor"]
"""Whom a limit holds for: an address of a client, an API key, or a contributor."""
MaintenanceOperation = Literal["thin", "compact", "remove_orphans", "index_texts"]
"""The operations of maintenance."""
