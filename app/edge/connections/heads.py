"""Heads of requests, beyond what the parser checks."""

from typing import Final

MAX_HEAD_BYTES: Final = 64 * 1024
"""Size of what comes beside a body, such as a head or a trailer, from which it is refused."""

_VERSIONS: Final = frozenset({"1.0", "1.1"})

Headers = list[tuple[bytes, bytes]]


def checked_size(url: bytes, headers: Headers, version: str) -> int:
    """Return the size of a head in bytes.

    Args:
        url: The target of the request.
        headers: The headers, with names in lower case.
        version: The version of HTTP.

    Raises:
        ValueError: It is another version, or proxies may read what the parser let through in
            another way (RFC 9112, section 6.1): the body is encoded otherwise than in chunks, or in
            chunks in HTTP/1.0; or there are several hosts.
    """
    if version not in _VERSIONS:
        raise ValueError("another version of HTTP")
    size, hosts = len(url), 0
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (
            version == "1.0" or value.strip().lower() != b"chunked"
        ):
            raise ValueError("another transfer encoding")
    if hosts > 1:
        raise ValueError("several hosts")
    return size


def without_upgrade(line: tuple[bytes, bytes, bytes], headers: Headers) -> bytes:
    """Return a head without its offer of another protocol.

    Args:
        line: The method, the target, and the version of HTTP.
        headers: The headers, with names in lower case.
    """
    kept = (header for header in headers if header[0] != b"upgrade")
    lines = [b"%b %b HTTP/%b" % line, *(b"%b: %b" % header for header in kept)]
    return b"\r\n".join([*lines, b"", b""])
