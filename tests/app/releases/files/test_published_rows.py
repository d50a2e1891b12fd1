"""Rows of releases are read with few requests to a bucket."""

import io
from typing import Any

from app.releases.files.published_rows import PublishedFile
from app.releases.manifest import ReleaseFile

LINES = 20_000


class Bucket(io.BytesIO):
    """Stands for a bucket with one file, of which each reading is a request."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.requests = 0

    def open_input_stream(self, _path: str) -> "Bucket":
        """Return the file."""
        return self

    def readinto(self, buffer: Any) -> int:
        """Read a piece of the file."""
        self.requests += 1
        return super().readinto(buffer)


def test_lines_are_read_in_large_pieces() -> None:
    line = b'{"contribution_id": "a", "conversation": []}\n'
    bucket: Any = Bucket(line * LINES)
    file = PublishedFile(ReleaseFile("a.jsonl", LINES, 0, "", "jsonl"), bucket, "a.jsonl")
    with file.lines() as lines:
        assert list(lines) == [line] * LINES
    assert bucket.requests <= 3
