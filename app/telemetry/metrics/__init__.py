"""The metrics: their names, labels and buckets, and the functions that count.

A process counts in memory. When `PROMETHEUS_MULTIPROC_DIR` is set before this package is imported,
it counts in files that the processes of one server share. Labels take only the closed sets of
values of `app.telemetry.labels`, never a word that a client chose. Each of these values is exposed
with 0 before anything happened: a series that begins at 1 hides the first event from Prometheus'
`rate`.
"""

from app.telemetry.metrics.commits import (
    commit_failed,
    committed,
    dropped,
    leading,
    table_is,
    visible,
)
from app.telemetry.metrics.maintenance import maintained, maintenance_failed, stage_snapshots_are
from app.telemetry.metrics.registry import REGISTRY
from app.telemetry.metrics.releases import release_failed, released
from app.telemetry.metrics.requests import answered, limited, limits_not_shared, publish
from app.telemetry.metrics.submissions import journalled, rejected, reported
from app.telemetry.metrics.takedowns import (
    erased,
    erasure_failed,
    hub_publications_are,
    hub_update_failed,
    takedowns_are,
)

__all__ = [
    "REGISTRY",
    "answered",
    "commit_failed",
    "committed",
    "dropped",
    "erased",
    "erasure_failed",
    "hub_publications_are",
    "hub_update_failed",
    "journalled",
    "leading",
    "limited",
    "limits_not_shared",
    "maintained",
    "maintenance_failed",
    "publish",
    "rejected",
    "release_failed",
    "released",
    "reported",
    "stage_snapshots_are",
    "table_is",
    "takedowns_are",
    "visible",
]
