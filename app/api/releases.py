"""Published releases and their files."""

import hashlib
from http import HTTPStatus
from typing import Final

from flask import Response, send_file
from flask_smorest import Blueprint

from app.api.docs import NAME_PARAMETER, PATH_PARAMETER, RELEASE_EXAMPLE, documented
from app.api.formats import JSON, PARQUET
from app.api.schemas.releases import ReleaseListSchema, ReleaseSchema
from app.releases.manifest import Manifest
from app.releases.shelf import find_file, find_release, list_releases
from app.services import current_services

blueprint = Blueprint("releases", __name__, url_prefix="/v1/releases", description="Downloads")

_FILE: Final = {"type": "string", "format": "binary"}
_FOREVER_S: Final = 365 * 24 * 3600


@blueprint.get("")
@documented(blueprint, 503)
@blueprint.response(HTTPStatus.OK, ReleaseListSchema, example={"releases": [RELEASE_EXAMPLE]})
def list_all() -> dict[str, list[Manifest]]:
    """List the releases by name."""
    return {"releases": list_releases(current_services().settings.releases)}


@blueprint.get("/<name>", parameters=[NAME_PARAMETER])
@documented(blueprint, 404, 503)
@blueprint.response(HTTPStatus.OK, ReleaseSchema, example=RELEASE_EXAMPLE)
def get(name: str) -> Manifest:
    """Read the manifest of a release: its snapshot, counts, files and licence."""
    return find_release(current_services().settings.releases, name)


@blueprint.get("/<name>/files/<path:path>", parameters=[NAME_PARAMETER, PATH_PARAMETER])
@documented(blueprint, 404, 416, 503)
@blueprint.alt_response(HTTPStatus.NOT_MODIFIED, description="The ETag is still the same")
@blueprint.alt_response(
    HTTPStatus.PARTIAL_CONTENT, description="The range that was asked for", success=True
)
@blueprint.response(HTTPStatus.OK, _FILE, content_type=PARQUET)
@blueprint.response(HTTPStatus.OK, _FILE, content_type="text/plain")
@blueprint.response(HTTPStatus.OK, _FILE, content_type=JSON, description="The file")
def download(name: str, path: str) -> Response:
    """Download a file of a release.

    Ranges resume a download that was cut off. The ETag is the file's SHA-256.
    """
    found = find_file(current_services().settings.releases, name, path)
    sha256 = found.sha256 or hashlib.sha256(found.file.read_bytes()).hexdigest()
    return send_file(
        found.file,
        mimetype=found.media_type,
        conditional=True,
        etag=sha256,
        max_age=_FOREVER_S,
        as_attachment=found.file.suffix == ".parquet",
    )
