"""What browsers may do with the answers of this server: the headers that say so.

Texts of strangers are shown by these pages. They are taken for text, and a policy sees to it that
nothing of them could run or be fetched even if they weren't.
"""

from collections.abc import Mapping
from typing import Final

from flask import Flask, Response, request

Policy = Mapping[str, str]
"""Directives of a Content-Security-Policy, by name: https://www.w3.org/TR/CSP3/."""

_NOTHING: Final[Policy] = {"default-src": "'none'", "frame-ancestors": "'none'"}
"""For what is no page, should a browser take it for one."""
PAGE: Final[Policy] = {
    # What isn't named isn't done: no frames, plug-ins, manifests, media, fonts or workers.
    **_NOTHING,
    "script-src": "'self'",
    "style-src": "'self'",
    # Icons in style sheets.
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
"""For pages whose scripts and styles are files of this server."""
VIEWER: Final[Policy] = {
    **PAGE,
    # The bundle and its workers, from here alone. DuckDB and the clustering are WebAssembly, which
    # has to be compiled; that allows no evaluation of JavaScript.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    # Pictures that the viewer draws.
    "img-src": "'self' data: blob:",
    # The viewer's components write their styles into elements as they go, too many and too varied
    # for hashes, and the bundle takes no nonce. Styles run nothing, and fetch nothing from outside.
    "style-src": "'self' 'unsafe-inline'",
}
"""For the pages of maps."""
_ALONE: Final = {
    "Referrer-Policy": "no-referrer",
    # A page that links here keeps no handle on this one, and none embeds its parts.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of pages and their files; the API may be used by pages of any origin."""


def init_app(app: Flask, pages: Mapping[str, Policy]) -> None:
    """Put a policy on every answer of Flask: a worker has that of its own script, not of its page.

    Args:
        app: The application.
        pages: The policies of pages, by the blueprints that answer with them. All other answers
            are no pages.
    """
    headers = {name: {**_headers(policy), **_ALONE} for name, policy in pages.items()}
    others = _headers(_NOTHING)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(headers.get(request.blueprint or "", others))
        return response


def _headers(policy: Policy) -> dict[str, str]:
    directives = (f"{name} {sources}" for name, sources in policy.items())
    return {
        "Content-Security-Policy": "; ".join(directives),
        "X-Content-Type-Options": "nosniff",
    }
