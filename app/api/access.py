"""Who may do what: one table of every route and method, and the one place that enforces it.

HEAD needs what GET needs. OPTIONS needs nothing, because browsers ask by it, without a key, whether
they may send one; its answer tells methods and nothing else.

An API key comes as `Authorization: Bearer clk_…` (RFC 6750, section 2.1) and in no other way. Where
nothing is needed, a header of another kind is ignored, but a key that isn't valid is refused.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Flask, Response, g, request

from app.access.audience import Audience, audience_of
from app.access.contributor_keys import AUTHORIZATION, SUBMITTER_HEADER, owner_id
from app.access.credentials import Credentials, credentials_of
from app.access.errors import KeyMissing, RoleMissing
from app.access.keys import PREFIX, ApiKey
from app.access.policy import MODERATE, OPERATE
from app.access.roles import OPEN, Roles
from app.iceberg.catalog import STAGES_BY_TABLE
from app.services import Services, current_services

Arguments = Mapping[str, Any]
"""The variable parts of a path, by name."""
Need = Callable[[Services, Arguments], Roles]
"""Returns the roles that a request needs."""

_BEARER: Final = re.compile(f"(?i:bearer) +({PREFIX}.*)", re.DOTALL)
_PRIVATE: Final = "private, no-cache"


class UnlistedRoute(Exception):  # a mistake of ours, found when the application is made
    """A route and method isn't in `TABLE`, or one in `TABLE` doesn't exist."""


def _nothing(_services: Services, _arguments: Arguments) -> Roles:
    return OPEN


def _ingest(services: Services, _arguments: Arguments) -> Roles:
    return services.policy.ingest


def _raw(services: Services, _arguments: Arguments) -> Roles:
    return services.policy.raw


def _moderate(_services: Services, _arguments: Arguments) -> Roles:
    return MODERATE


def _operate(_services: Services, _arguments: Arguments) -> Roles:
    return OPERATE


def _catalog(services: Services, _arguments: Arguments) -> Roles:
    return services.policy.catalog


def _table(services: Services, arguments: Arguments) -> Roles:
    stage = STAGES_BY_TABLE.get(arguments["table"])
    return services.policy.catalog if stage is None else services.policy.stage(stage)


def _release(services: Services, arguments: Arguments) -> Roles:
    return _of_release(services, arguments["name"])


def _two_releases(services: Services, arguments: Arguments) -> Roles:
    return _release(services, arguments) | _of_release(services, arguments["other"])


def _map(services: Services, arguments: Arguments) -> Roles:
    found = services.maps.find(arguments["name"])
    return services.policy.map(found.name, found.source.stage, found.source.release)


def _of_release(services: Services, name: str) -> Roles:
    # A release's stage makes a difference only while the raw table isn't open.
    is_raw = bool(services.policy.raw) and services.releases.status(name).stage == "raw"
    return services.policy.release(name, is_raw=is_raw)


TABLE: Final[dict[tuple[str, str], Need | None]] = {
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
    # Refused to everyone who gets as far.
    ("GET", "/iceberg/v1/<path:path>"): _catalog,
    ("POST", "/iceberg/v1/<path:path>"): _catalog,
    ("PUT", "/iceberg/v1/<path:path>"): _catalog,
    ("PATCH", "/iceberg/v1/<path:path>"): _catalog,
    ("DELETE", "/iceberg/v1/<path:path>"): _catalog,
}
"""What a request needs, by method and URL rule; None where a key isn't even looked at."""
_OPTIONAL: Final = frozenset({("GET", "/metrics")})
"""Routes that a setting takes away."""


def init_app(app: Flask) -> None:
    """Have the application check every request.

    Raises:
        UnlistedRoute: `TABLE` and the application's routes differ.
    """
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    if wrong := routes.symmetric_difference(TABLE) - _OPTIONAL:
        raise UnlistedRoute(sorted(wrong))
    app.before_request(_check)
    app.after_request(_keep_private)


def api_key_in(header: str | None) -> str | None:
    """Return the API key in the header `Authorization`, which may be malformed; None without one.

    Args:
        header: The value of the header; None without the header.
    """
    match = None if header is None else _BEARER.match(header)
    return None if match is None else match[1].rstrip(" \t")


def check_roles(key: ApiKey | None, needed: Roles) -> None:
    """Return if a request may do what needs some roles.

    Args:
        key: The valid key of the request; None without one.
        needed: The roles.

    Raises:
        KeyMissing: A key is needed.
        RoleMissing: The key has another role.
    """
    if not needed:
        return
    if key is None:
        raise KeyMissing(needed)
    if not key.grants(needed):
        raise RoleMissing(needed)


def current_credentials() -> Credentials:
    """Return who sends the current request.

    Raises:
        ContributorKeyMalformed: It has a contributor key that isn't one.
    """
    return credentials_of(request.headers.get("Authorization"), current_api_key())


def current_owner() -> str:
    """Return the contributor_id of the owner for whom the current request is sent.

    Raises:
        ContributorKeyMissing: There is no bearer token.
        ContributorKeyMalformed: An id begins as contributor keys do and isn't one.
        KeyOwnsNothing: The token could be guessed.
        SubmitterMisplaced: An API key comes without the contributor whom it speaks for, or the
            other way round.
    """
    header = request.headers.get
    api_key = current_api_key()
    ids = current_services().ids
    return owner_id(ids, header(AUTHORIZATION), api_key, header(SUBMITTER_HEADER))


def current_key_name() -> str:
    """Return the name of the API key of the current request, which needs one."""
    key: ApiKey = g.api_key
    return key.name


def current_audience() -> Audience:
    """Return whom the current request reads for, by its key.

    What an answer shows then depends on the key, and on what is hidden or public at its moment. So
    no cache gives it out again, to this client or to another, without asking.
    """
    g.depends_on_audience = True
    return audience_of(g.api_key)


def may(needed: Roles) -> bool:
    """Tell whether the current request may also do what needs some roles.

    An answer that depends on it is only for those who sent the same key.
    """
    if not needed:
        return True
    g.is_private = True
    key = current_api_key()
    return key is not None and key.grants(needed)


def require(needed: Roles) -> None:
    """Refuse the current request unless it may do what needs some roles.

    It is for views whose route tells too little to be in `TABLE` with what they need.

    Raises:
        KeyMissing: A key is needed.
        KeyInvalid: The request has a key that isn't valid.
        RoleMissing: The key has another role.
    """
    g.is_private = g.get("is_private", False) or bool(needed)
    check_roles(current_api_key(), needed)


def current_api_key() -> ApiKey | None:
    """Return the valid API key of the current request, or None if it has none or needs none.

    Raises:
        KeyInvalid: It has a key that isn't valid.
        SQLAlchemyError: The keys can't be read.
    """
    if "api_key" not in g:
        text = api_key_in(request.headers.get("Authorization"))
        is_of_use = text is not None and _current_need() is not None
        g.api_key = current_services().keys.verify(text or "") if is_of_use else None
    key: ApiKey | None = g.api_key
    return key


def _current_need() -> Need | None:
    """Return what tells the roles that the current request needs; None if no key is looked at."""
    if request.url_rule is None or request.method == "OPTIONS":
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return TABLE[method, request.url_rule.rule]


def _check() -> None:
    """Refuse the current request unless it has what it needs."""
    need = _current_need()
    if need is None:
        return
    needed = need(current_services(), request.view_args or {})
    has_key = api_key_in(request.headers.get("Authorization")) is not None
    g.is_private = bool(needed) or has_key
    check_roles(current_api_key(), needed)


def _keep_private(response: Response) -> Response:
    """Keep caches from giving an answer to those who may not have it, or not any more."""
    if g.get("is_private"):
        if not response.cache_control.no_store:
            response.headers["Cache-Control"] = _PRIVATE
        response.headers.pop("Expires", None)
        response.vary.add("Authorization")
    elif g.get("depends_on_audience"):
        response.headers.setdefault("Cache-Control", "no-cache")
        response.vary.add("Authorization")
    return response
