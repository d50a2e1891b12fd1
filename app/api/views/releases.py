"""Views of releases, their differences and their files."""

import hashlib
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from flask import Response, request, send_file
from flask_smorest import Blueprint

from app.access.roles import Roles
from app.api.access import may
from app.api.docs import KEYED, documented
from app.api.formats import JSON, PARQUET
from app.api.paging import page_rows
from app.api.reads import reads_lake
from app.api.schemas.reference import QUERY
from app.api.schemas.release_diff import (
    OTHER_NAME_PARAMETER,
    RELEASE_DIFF_EXAMPLE,
    ReleaseDiffSchema,
)
from app.api.schemas.release_status import RELEASE_STATUS_EXAMPLE, ReleaseStatusSchema
from app.api.schemas.releases import (
    NAME_PARAMETER,
    PATH_PARAMETER,
    RELEASE_DETAILS_EXAMPLE,
    RELEASE_LIST_EXAMPLE,
    ReleaseDetails,
    ReleaseDetailsSchema,
    ReleaseListSchema,
)
from app.api.schemas.snapshots import DiffQuerySchema
from app.releases.diff import ReleaseDiff
from app.releases.manifest import Manifest
from app.releases.status import Status
from app.releases.stores.interface import CACHED_S, Download, Method
from app.services import current_services

blueprint = Blueprint("releases", __name__, url_prefix="/v1/releases", description="Downloads")

_FILE: Final = {"type": "string", "format": "binary"}


@blueprint.get("")
@documented(blueprint, HTTPStatus.UNAUTHORIZED, 429, 503)
@blueprint.response(HTTPStatus.OK, ReleaseListSchema, example=RELEASE_LIST_EXAMPLE)
def list_all() -> dict[str, Any]:
    """List the releases by name; of those that the request can't have now, the names.

    Those are gated, if they need a key which the request lacks, or held back, until what is taken
    down is out of them.
    """
    found = listed_releases()
    names = {"gated": found.gated, "held_back": found.held_back}
    return {"releases": found.shown, **{why: listed for why, listed in names.items() if listed}}


@dataclass(frozen=True, slots=True)
class ListedReleases:
    """The releases of the lake, by whether the current request may have them now.

    Attributes:
        shown: Manifests of those that it may have, by name.
        gated: Names of those that need a key which the request lacks.
        held_back: Names of those from which something is being taken out.
    """

    shown: list[Manifest] = field(default_factory=list)
    gated: list[str] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)


def needed_for(manifest: Manifest) -> Roles:
    """Return the roles of keys of which one is needed to have a release; none if it is open."""
    policy = current_services().access.policy
    return policy.release(manifest.name, is_raw=manifest.is_raw)


def listed_releases() -> ListedReleases:
    """Return the releases, by whether the current request may have them now."""
    services = current_services()
    held_back = services.publishing.releases.held_back()
    found = ListedReleases()
    for manifest in services.publishing.releases.all():
        if not may(needed_for(manifest)):
            found.gated.append(manifest.name)
        elif manifest.name in held_back:
            found.held_back.append(manifest.name)
        else:
            found.shown.append(manifest)
    return found


@blueprint.get("/<name>", parameters=[NAME_PARAMETER])
@documented(blueprint, *KEYED, 404, 429, 503)
@blueprint.response(HTTPStatus.OK, ReleaseDetailsSchema, example=RELEASE_DETAILS_EXAMPLE)
def get(name: str) -> ReleaseDetails:
    """Read the manifest of a release: its snapshots, parameters, counts, files and licence.

    `hub` is beside it in the answer, and names repositories that hold the release as well.
    """
    releases = current_services().publishing.releases
    return ReleaseDetails(releases.find(name), releases.publications.for_readers(name))


@blueprint.get("/<name>/status", parameters=[NAME_PARAMETER])
@documented(blueprint, *KEYED, 404, 429, 503)
@blueprint.response(HTTPStatus.OK, ReleaseStatusSchema, example=RELEASE_STATUS_EXAMPLE)
def status(name: str) -> Status:
    """Tell whether a release is being built, is published, has failed or was removed."""
    return current_services().publishing.releases.status(name)


@blueprint.get("/<name>/diff/<other>", parameters=[NAME_PARAMETER, OTHER_NAME_PARAMETER])
@documented(blueprint, *KEYED, 404, 422, 429, 503)
@blueprint.arguments(DiffQuerySchema, **QUERY)
@blueprint.response(HTTPStatus.OK, ReleaseDiffSchema, example=RELEASE_DIFF_EXAMPLE)
@reads_lake
def diff(query: dict[str, Any], name: str, other: str) -> ReleaseDiff:
    """Compare a release with another one of the same stage.

    The counts are of all contributions that differ; the rows are the first `limit` of them, in the
    order of their ids.
    """
    limit = page_rows(query.get("limit"))
    return current_services().publishing.releases.diff(name, other, limit)


@blueprint.get("/<name>/files/<path:path>", parameters=[NAME_PARAMETER, PATH_PARAMETER])
@documented(blueprint, *KEYED, 404, 410, 412, 416, 429, 503)
@blueprint.alt_response(HTTPStatus.NOT_MODIFIED, description="The ETag is still the same")
@blueprint.alt_response(
    HTTPStatus.PARTIAL_CONTENT, description="The range that was asked for", success=True
)
@blueprint.alt_response(
    HTTPStatus.TEMPORARY_REDIRECT,
    description="A link to the file that is valid for a while, when releases are in a bucket",
    success=True,
)
@blueprint.response(HTTPStatus.OK, _FILE, content_type=PARQUET)
@blueprint.response(HTTPStatus.OK, _FILE, content_type="text/plain")
@blueprint.response(HTTPStatus.OK, _FILE, content_type=JSON, description="The file")
def download(name: str, path: str) -> Response:
    """Download a file of a release.

    Ranges resume a download that was cut off. The ETag is the file's SHA-256. When releases are in
    a bucket, the answer is a redirect to a link that is valid for a while. A data file of an
    earlier revision, of which contributions were taken down, is gone (410). While contributions are
    being taken down, the release is held back (503).
    """
    method: Method = "HEAD" if request.method == "HEAD" else "GET"
    found = current_services().publishing.releases.file(name, path, method)
    if found.file is None:
        return _redirected(found.url or "")
    return _sent(found.file, found)


def _redirected(url: str) -> Response:
    # Werkzeug's own redirect has a page that repeats the link, which is as good as a key.
    response = Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": url})
    # The link soon expires.
    response.cache_control.no_store = True
    return response


def _sent(file: Path, found: Download) -> Response:
    sha256 = found.sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    response = send_file(
        file,
        mimetype=found.media_type,
        conditional=True,
        etag=sha256,
        # A new revision has data files of other names, and puts the rest in the place of the old.
        max_age=CACHED_S if found.is_data else None,
        as_attachment=found.is_data,
    )
    # Restored with its own charset, because `mimetype` adds another one.
    response.content_type = found.media_type
    return response
