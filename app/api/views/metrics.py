"""The view of metrics for Prometheus, which is no resource of the API and has no version.

Metrics are for operators. The setting `CHATLAKE_METRICS` decides whether this view exists.
"""

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy.exc import SQLAlchemyError

from app.ingest.journal.depth import read_depth
from app.services import Services, current_services
from app.telemetry.exposition import JournalDepth, exposition

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Show what the processes of this server have counted, and the depth of the journal."""
    services = current_services()
    metrics_now = exposition(_journal_depth(services), _quarantined(services))
    return Response(metrics_now, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _journal_depth(services: Services) -> JournalDepth | None:
    """Return the depth of the journal; None when it can't be read, since metrics go out anyway."""
    try:
        depth = read_depth(services.ingest.journal, services.database)
    except (SQLAlchemyError, OSError):
        current_app.logger.warning("the journal's depth can't be read", exc_info=True)
        return None
    now = datetime.now(UTC)
    return JournalDepth(
        depth.backlog.entries,
        depth.backlog.contributions,
        depth.backlog.payload_bytes,
        oldest_age_s=(now - (depth.oldest_at or now)).total_seconds(),
    )


def _quarantined(services: Services) -> int | None:
    """Return how much is in quarantine; None when it can't be read."""
    try:
        return services.moderation.service.quarantine.count()
    except (SQLAlchemyError, OSError):
        current_app.logger.warning("the quarantine can't be read", exc_info=True)
        return None
