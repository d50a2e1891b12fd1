"""Views of the catalog's resources, and one that refuses all writes."""

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, request
from marshmallow import EXCLUDE, Schema
from pyiceberg.typedef import IcebergBaseModel
from werkzeug.exceptions import NotFound

from app.api.access import current_audience
from app.api.conditional import ConditionalResponse
from app.api.formats import JSON
from app.api.iceberg import PREFIX
from app.api.schemas.iceberg import (
    ConfigQuerySchema,
    ListQuerySchema,
    NamespacesQuerySchema,
    TableQuerySchema,
)
from app.iceberg.errors import ReadOnlyCatalog
from app.services import current_services

blueprint = Blueprint("iceberg", __name__, url_prefix=f"{PREFIX}/v1")

_READS: Final = frozenset({"GET", "HEAD"})
_WRITES: Final = ("POST", "PUT", "PATCH", "DELETE")


@blueprint.get("/config")
def config() -> Response:
    """Return the configuration that engines ask for first."""
    query = _query(ConfigQuerySchema())
    return _json(current_services().reading.published.config(query["warehouse"]))


@blueprint.get("/namespaces")
def list_namespaces() -> Response:
    """List the namespaces."""
    query = _query(NamespacesQuerySchema())
    return _json(current_services().reading.published.namespaces(query["parent"]))


@blueprint.get("/namespaces/<namespace>")
def get_namespace(namespace: str) -> Response:
    """Describe a namespace; for HEAD, only tell that it exists."""
    found = current_services().reading.published.namespace(namespace)
    return _nothing() if request.method == "HEAD" else _json(found)


@blueprint.get("/namespaces/<namespace>/tables")
def list_tables(namespace: str) -> Response:
    """List the tables of a namespace."""
    _query(ListQuerySchema())
    return _json(current_services().reading.published.tables(namespace))


@blueprint.get("/namespaces/<namespace>/tables/<table>")
def load_table(namespace: str, table: str) -> Response:
    """Return a table's metadata unless the engine has it; for HEAD, only tell that it exists."""
    if request.method == "HEAD":
        current_services().reading.published.check_table(namespace, table)
        return _nothing()
    query = _query(TableQuerySchema())
    loaded = current_services().reading.published.load_table(
        namespace, table, query["snapshots"], current_audience()
    )
    response = ConditionalResponse(loaded.json, mimetype=JSON)
    response.set_etag(loaded.digest)
    response.make_conditional(request)
    return response


@blueprint.post("/namespaces/<namespace>/tables/<table>/metrics")
def take_report(namespace: str, table: str) -> Response:
    """Accept an engine's report of a scan and ignore it; older engines send one unasked."""
    current_services().reading.published.check_table(namespace, table)
    return _nothing()


@blueprint.route("/<path:path>", methods=["GET", *_WRITES])
def refuse(path: str) -> Response:  # noqa: ARG001  # every path is refused alike
    """Refuse every other request: reads find nothing here, and writes are forbidden."""
    if request.method in _READS:
        raise NotFound
    raise ReadOnlyCatalog


def _query(schema: Schema) -> dict[str, Any]:
    """Return the parameters of the request; those of later specifications are ignored."""
    parameters: dict[str, Any] = schema.load(request.args, unknown=EXCLUDE)
    return parameters


def _json(answer: IcebergBaseModel) -> Response:
    return Response(answer.model_dump_json(), mimetype=JSON)


def _nothing() -> Response:
    return Response(status=HTTPStatus.NO_CONTENT)
