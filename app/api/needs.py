"""What each route and method needs: one table of all of them.

HEAD needs what GET needs. OPTIONS needs nothing, because browsers ask by it, without a key, whether
they may send one; its answer tells methods and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.access.permissions.policy import MODERATE, OPERATE
from app.access.roles import OPEN, Roles
from app.iceberg.catalog import STAGES_BY_TABLE
from app.services import Services

Arguments = Mapping[str, Any]
"""The variable parts of a path, by name."""
Need = Callable[[Services, Arguments], Roles]
"""Returns the roles that a request needs."""


def _nothing(_services: Services, _arguments: Arguments) -> Roles:
    return OPEN


def _ingest(services: Services, _arguments: Arguments) -> Roles:
    return services.access.policy.ingest


def _raw(services: Services, _arguments: Arguments) -> Roles:
    return services.access.policy.raw


def _moderate(_services: Services, _arguments: Arguments) -> Roles:
    return MODERATE


def _operate(_services: Services, _arguments: Arguments) -> Roles:
    return OPERATE


def _catalog(services: Services, _arguments: Arguments) -> Roles:
    return services.access.policy.catalog


def _table(services: Services, arguments: Arguments) -> Roles:
    stage = STAGES_BY_TABLE.get(arguments["table"])
    return services.access.policy.catalog if stage is None else services.access.policy.stage(stage)


def _release(services: Services, arguments: Arguments) -> Roles:
    return _of_release(services, arguments["name"])


def _two_releases(services: Services, arguments: Arguments) -> Roles:
    return _release(services, arguments) | _of_release(services, arguments["other"])


def _map(services: Services, arguments: Arguments) -> Roles:
    found = services.publishing.maps.find(arguments["name"])
    return services.access.policy.map(found.name, found.source.stage, found.source.release)


def _of_release(services: Services, name: str) -> Roles:
    # A release's stage makes a difference only while the raw table isn't open.
    is_raw = (
        bool(services.access.policy.raw)
        and services.publishing.releases.status(name).stage == "raw"
    )
    return services.access.policy.release(name, is_raw=is_raw)


NEEDS: Final[dict[tuple[str, str], Need | None]] = {
    ("GET", "/"): _nothing,
    # The stage is a parameter, so these views ask for what it needs.
    ("GET", "/explore"): _nothing,
    ("GET", "/explore/facets"): _nothing,
    ("GET", "/explore/download/<form>"): _nothing,
    ("GET", "/assets/<edition>/<path:path>"): None,
    ("GET", "/docs/"): None,
    ("GET", "/docs/<path:path>"): None,
    ("GET", "/openapi.json"): None,
    ("GET", "/metrics"): None,
    ("GET", "/terms"): None,
    ("GET", "/guides"): None,
    ("GET", "/guides/<guide>"): None,
    ("GET", "/conversations/<uuid:contribution_id>"): _raw,
    ("GET", "/conversations/<uuid:contribution_id>/turns/<int:number>"): _raw,
    ("GET", "/conversations/<uuid:contribution_id>/neighbours"): _raw,
    ("POST", "/conversations/<uuid:contribution_id>/report"): _nothing,
    # These views ask for the contributor's own key.
    ("POST", "/conversations/<uuid:contribution_id>/withdraw"): _nothing,
    ("GET", "/me"): _nothing,
    ("GET", "/me/download/<form>"): _nothing,
    ("POST", "/me/key"): _ingest,
    ("POST", "/me/withdraw"): _nothing,
    ("GET", "/moderation"): _moderate,
    ("GET", "/moderation/<uuid:contribution_id>"): _moderate,
    ("POST", "/moderation/<uuid:contribution_id>/approve"): _moderate,
    ("POST", "/moderation/<uuid:contribution_id>/reject"): _moderate,
    ("POST", "/moderation/quarantine"): _moderate,
    ("GET", "/moderation/log"): _moderate,
    ("GET", "/moderation/bans"): _moderate,
    ("POST", "/moderation/bans"): _moderate,
    ("POST", "/moderation/bans/<contributor_id>/lift"): _moderate,
    ("GET", "/v1/health/"): None,
    ("GET", "/v1/ready"): None,
    ("POST", "/v1/ingest/chat"): _ingest,
    ("POST", "/v1/ingest/chats"): _ingest,
    ("POST", "/v1/contributors"): _ingest,
    # The view asks for the contributor's own key.
    ("GET", "/v1/me/contributions"): _nothing,
    ("GET", "/v1/contributions"): _raw,
    ("GET", "/v1/contributions/count"): _raw,
    ("GET", "/v1/contributions/<uuid:contribution_id>"): _raw,
    ("GET", "/v1/contributions/<uuid:contribution_id>/versions"): _raw,
    # Who found it in a release or a stage may report it, too.
    ("POST", "/v1/contributions/<uuid:contribution_id>/reports"): _nothing,
    ("GET", "/v1/moderation"): _moderate,
    ("GET", "/v1/moderation/<uuid:contribution_id>"): _moderate,
    ("POST", "/v1/moderation/<uuid:contribution_id>/approve"): _moderate,
    ("POST", "/v1/moderation/<uuid:contribution_id>/reject"): _moderate,
    ("POST", "/v1/moderation/quarantine"): _moderate,
    ("GET", "/v1/moderation/log"): _moderate,
    ("GET", "/v1/moderation/bans"): _moderate,
    ("POST", "/v1/moderation/bans"): _moderate,
    ("DELETE", "/v1/moderation/bans/<contributor_id>"): _moderate,
    # These views ask for the contributor's own key, too.
    ("DELETE", "/v1/contributions/<uuid:contribution_id>"): _nothing,
    ("DELETE", "/v1/me"): _nothing,
    ("GET", "/v1/takedowns/<int:takedown_id>"): _nothing,
    # Mirrors have to know what to delete, whatever is closed by now.
    ("GET", "/v1/takedowns"): _nothing,
    ("POST", "/v1/takedowns"): _moderate,
    ("GET", "/v1/changes"): _raw,
    ("GET", "/v1/stats"): _raw,
    ("POST", "/v1/sql"): _raw,
    ("GET", "/v1/snapshots"): _raw,
    ("GET", "/v1/snapshots/<snapshot_id>"): _raw,
    ("GET", "/v1/snapshots/<before>/diff/<after>"): _raw,
    # A list has the names of all releases, and more of those that the request may read.
    ("GET", "/v1/releases"): _nothing,
    ("GET", "/v1/releases/<name>"): _release,
    ("GET", "/v1/releases/<name>/status"): _release,
    ("GET", "/v1/releases/<name>/diff/<other>"): _two_releases,
    ("GET", "/v1/releases/<name>/files/<path:path>"): _release,
    # Pages show what the API tells, by the same rules.
    ("GET", "/releases"): _nothing,
    ("GET", "/releases/<name>"): _release,
    ("GET", "/releases/<name>/rows"): _release,
    ("GET", "/releases/<name>/diff"): _release,
    ("GET", "/releases/<name>/diff/<other>"): _two_releases,
    ("GET", "/snapshots"): _raw,
    ("GET", "/snapshots/<snapshot_id>"): _raw,
    ("GET", "/snapshots/<snapshot_id>/diff"): _raw,
    ("GET", "/snapshots/<before>/diff/<after>"): _raw,
    ("GET", "/contributors"): _nothing,
    ("GET", "/sql"): _raw,
    ("GET", "/sql/download/<form>"): _raw,
    ("GET", "/status"): _operate,
    # Browsers can't send a key with a link, so the list of maps is the same for all.
    ("GET", "/maps/"): None,
    ("GET", "/maps/<name>/"): _map,
    ("GET", "/maps/<name>/picture.png"): _map,
    ("GET", "/maps/<name>/data/dataset.parquet"): _map,
    ("GET", "/maps/<name>/data/metadata.json"): _map,
    # Files of the viewer.
    ("GET", "/maps/<name>/duckdb-wasm/<path:path>"): None,
    ("GET", "/atlas/<edition>/<path:path>"): None,
    ("GET", "/iceberg/v1/config"): _catalog,
    ("GET", "/iceberg/v1/namespaces"): _catalog,
    ("GET", "/iceberg/v1/namespaces/<namespace>"): _catalog,
    ("GET", "/iceberg/v1/namespaces/<namespace>/tables"): _catalog,
    ("GET", "/iceberg/v1/namespaces/<namespace>/tables/<table>"): _table,
    ("POST", "/iceberg/v1/namespaces/<namespace>/tables/<table>/metrics"): _table,
    # The view refuses every request that is let through to it.
    ("GET", "/iceberg/v1/<path:path>"): _catalog,
    ("POST", "/iceberg/v1/<path:path>"): _catalog,
    ("PUT", "/iceberg/v1/<path:path>"): _catalog,
    ("PATCH", "/iceberg/v1/<path:path>"): _catalog,
    ("DELETE", "/iceberg/v1/<path:path>"): _catalog,
}
"""What a request needs, by method and URL rule; None where a key isn't even looked at."""
