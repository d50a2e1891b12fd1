"""Views for probes: whether the process is alive, and whether it can take a submission now."""

from http import HTTPStatus

from flask_smorest import Blueprint

from app.api.docs import documented
from app.api.schemas.health import StatusSchema
from app.services import current_services

blueprint = Blueprint("health", __name__, url_prefix="/v1", description="Probes")


@blueprint.get("/health/")
@blueprint.response(HTTPStatus.OK, StatusSchema, example={"status": "ok"})
def health() -> dict[str, str]:
    """Tell that the server is alive.

    Nothing else is checked: a server that can't reach its database is alive, but not ready.
    """
    return {"status": "ok"}


@blueprint.get("/ready")
@documented(blueprint, 503)
@blueprint.response(HTTPStatus.OK, StatusSchema, example={"status": "ready"})
def ready() -> dict[str, str]:
    """Tell whether a submission could be made durable now.

    The check writes an entry to the journal, syncs it, and takes it back.
    """
    current_services().ingest.journal.check()
    return {"status": "ready"}
