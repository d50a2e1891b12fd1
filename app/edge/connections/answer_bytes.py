"""The bytes of JSON answers, with the headers that every answer of the API has."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.api.errors import envelope
from app.api.formats import JSON, encode_json
from app.api.headers import CORS, NO_SNIFFING
from app.edge.connections.cycles import CLOSE


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Return the lines of some headers, each with its end."""
    return b"".join([f"{name.lower()}: {value}\r\n".encode() for name, value in headers.items()])


_HEAD: Final = header_lines({"Content-Type": JSON, **dict([NO_SNIFFING, *CORS])})


def encode_answer(answer: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return the lines of the head of an answer, the length included, and its body."""
    body = encode_json(answer)
    return b"%bcontent-length: %d\r\n" % (_HEAD, len(body)), body


def refusal(status: HTTPStatus, message: str) -> bytes:
    """Return the answer to a request whose head isn't complete, after which nothing is taken."""
    head, body = encode_answer(envelope(status, message))
    return b"".join((STATUS_LINE[status], head, CLOSE, b"\r\n", body))
