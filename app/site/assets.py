"""The files that pages load: style sheet, scripts and fonts of our own, and vendored libraries.

Their addresses have a digest of all of them, so browsers keep them for ever. Texts are sent
compressed, which most of a page's weight would otherwise be.
"""

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, abort, request, url_for

blueprint = Blueprint("assets", __name__)

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""Media types of the files that are sent, by suffix; no file of another kind is."""
_COMPRESSED: Final = frozenset({".css", ".js", ".svg"})
_FOREVER_S: Final = 365 * 24 * 3600


def asset_url(path: str) -> str:
    """Return the address of a file.

    Args:
        path: Path of the file in the folder of static files.
    """
    return url_for("assets.send", edition=edition(), path=path)


@cache
def files() -> dict[str, Path]:
    """Return the files by their paths; no other file is ever sent."""
    return {
        file.relative_to(_FOLDER).as_posix(): file
        for file in sorted(_FOLDER.rglob("*"))
        if file.suffix in _TYPES
    }


@cache
def edition() -> str:
    """Return the part of the addresses that changes with the content of any file."""
    digest = sha256()
    for path, file in files().items():
        digest.update(path.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@blueprint.get("/assets/<edition>/<path:path>")
def send(edition: str, path: str) -> Response:  # noqa: ARG001  # pages of earlier editions stay open
    """Send a file, compressed if it is a text and the browser takes that."""
    file = files().get(path)
    if file is None:
        abort(404)
    is_text = file.suffix in _COMPRESSED
    is_compressed = is_text and request.accept_encodings["gzip"] > 0
    response = Response(
        _compressed(path) if is_compressed else file.read_bytes(), content_type=_TYPES[file.suffix]
    )
    response.cache_control.public = True
    response.cache_control.max_age = _FOREVER_S
    response.cache_control.immutable = True
    if is_compressed:
        response.content_encoding = "gzip"
    if is_text:
        response.vary.add("Accept-Encoding")
    return response


@cache
def _compressed(path: str) -> bytes:
    return gzip.compress(files()[path].read_bytes(), mtime=0)
