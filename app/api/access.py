"""Who may do what: each request is held against what `app.api.needs` says of its route.

An API key comes as `Authorization: Bearer clk_…` (RFC 6750, section 2.1) and in no other way. Where
nothing is needed, a header of another kind is ignored, but a key that isn't valid is refused.
"""

import re
from typing import Final

from flask import Flask, Response, g, request

from app.access.contributors.keys import AUTHORIZATION, SUBMITTER_HEADER, owner_id
from app.access.credentials import Credentials, credentials_of
from app.access.errors import KeyMissing, RoleMissing
from app.access.permissions.keys import PREFIX, ApiKey
from app.access.roles import Roles
from app.access.visibility.audience import Audience, audience_of
from app.api.needs import NEEDS, Need
from app.services import current_services

_BEARER: Final = re.compile(f"(?i:bearer) +({PREFIX}.*)", re.DOTALL)
_PRIVATE: Final = "private, no-cache"
_OPTIONAL: Final = frozenset({("GET", "/metrics")})
"""Routes that a setting takes away."""


class UnlistedRoute(Exception):  # a mistake of ours, found when the application is made
    """A route and method isn't in `NEEDS`, or one in `NEEDS` doesn't exist."""


def init_app(app: Flask) -> None:
    """Have the application check every request.

    Raises:
        UnlistedRoute: `NEEDS` and the application's routes differ.
    """
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    if wrong := routes.symmetric_difference(NEEDS) - _OPTIONAL:
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
    """Check that a request may do what needs some roles.

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
    ids = current_services().access.ids
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

    It is for views whose route tells too little to be in `NEEDS` with what they need.

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
        g.api_key = current_services().access.keys.verify(text or "") if is_of_use else None
    key: ApiKey | None = g.api_key
    return key


def _current_need() -> Need | None:
    """Return what tells the roles that the current request needs; None if no key is looked at."""
    if request.url_rule is None or request.method == "OPTIONS":
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return NEEDS[method, request.url_rule.rule]


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
