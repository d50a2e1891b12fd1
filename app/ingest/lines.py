"""NDJSON as it comes: lines of bounded length from pieces of any size."""

from collections.abc import Iterable, Iterator

from app.ingest.errors import LimitExceeded


def read_lines(pieces: Iterable[bytes], max_line_bytes: int) -> Iterator[list[bytes]]:
    """Yield the lines that each piece completes, without their line feeds, and at last the rest.

    The last line needn't end. A carriage return before a line feed is white space to JSON.

    Raises:
        LimitExceeded: A line is longer than `max_line_bytes`.
    """
    number = 1
    unfinished: list[bytes] = []
    size = 0
    for piece in pieces:
        lines = piece.split(b"\n")
        size += len(lines[0])
        if max(size, *map(len, lines)) > max_line_bytes:
            raise LimitExceeded("max_body_bytes", max_line_bytes, f"a line after line {number - 1}")
        unfinished.append(lines[0])
        if len(lines) == 1:
            continue
        lines[0] = b"".join(unfinished)
        unfinished = [lines.pop()]
        size = len(unfinished[0])
        number += len(lines)
        yield lines
    if size:
        yield [b"".join(unfinished)]
