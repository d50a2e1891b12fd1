"""Security headers, which tell browsers what they may do with answers.

The pages show texts of strangers as plain text. Should a mistake ever make markup of such a text,
the policies keep it from running a script and from fetching anything.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, request

from app.site.errors import HTML

Policy = Mapping[str, str]
"""Directives of a Content-Security-Policy, by name: https://www.w3.org/TR/CSP3/."""

_NO_PAGE: Final[Policy] = {"default-src": "'none'", "frame-ancestors": "'none'"}
"""The policy of answers that are no pages, in case a browser shows one as a page."""
PAGE: Final[Policy] = {
    # Nothing else is allowed: no frames, plug-ins, manifests, media or workers.
    **_NO_PAGE,
    "script-src": "'self'",
    "style-src": "'self'",
    "font-src": "'self'",
    # Icons in style sheets.
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    # Searches are forms.
    "form-action": "'self'",
}
"""The policy of pages whose scripts and styles are files of this server."""
VIEWER: Final[Policy] = {
    **PAGE,
    # The bundle and its workers, from this server alone. DuckDB and the clustering are WebAssembly,
    # which has to be compiled; this allows no evaluation of JavaScript.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    # Pictures that the viewer draws.
    "img-src": "'self' data: blob:",
    # The viewer's components write their styles into elements as they go, too many and too varied
    # for hashes, and the bundle takes no nonce. Styles run nothing, and fetch nothing from outside.
    "style-src": "'self' 'unsafe-inline'",
}
"""The policy of the pages of maps."""
_ISOLATION: Final = {
    # Without a referrer, browsers leave the origin out of forms, too: see `app.site.origins`.
    "Referrer-Policy": "same-origin",
    # A page that links here keeps no handle on this one, and no other site embeds its parts.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of pages and their files. The API has none of them: pages of any origin may use it."""


def init_app(app: Flask, pages: Mapping[str, Policy]) -> None:
    """Put a policy on every answer of Flask.

    Files have the policy of their pages too, because a worker has the policy of its own script.

    Args:
        app: The application.
        pages: The policies of pages, by the names of their blueprints. Of other answers, only
            errors that are shown as pages are pages.
    """
    headers = {name: {**_headers(policy), **_ISOLATION} for name, policy in pages.items()}
    others = _headers(_NO_PAGE)
    errors = {**_headers(PAGE), **_ISOLATION}

    @app.after_request
    def protect(response: Response) -> Response:
        is_error_page = response.status_code >= HTTPStatus.BAD_REQUEST and response.mimetype == HTML
        usual = errors if is_error_page else others
        response.headers.update(headers.get(request.blueprint or "", usual))
        return response


def _headers(policy: Policy) -> dict[str, str]:
    directives = (f"{name} {sources}" for name, sources in policy.items())
    return {"Content-Security-Policy": "; ".join(directives)}
