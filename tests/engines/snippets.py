"""The snippets of docs/reading.md, made to ask another server for another snapshot."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final, Self

PAGE: Final = Path(__file__).parents[2] / "docs" / "reading.md"

LIVE: Final = ("curl", "pyiceberg", "polars", "DuckDB", "Daft", "Spark")
"""Those that read the lake now and at a live snapshot, by their headings."""
THINNED: Final = (
    "A snapshot that was thinned",
    "By sequence number, in pyiceberg",
    "By sequence number, in DuckDB",
    "By sequence number, in Spark",
)
"""Those that read a snapshot that is not live any more."""
LATEST: Final = "The latest versions alone"
"""The one that leaves out what was replaced, on one day."""
HEAVY: Final = frozenset(
    {"DuckDB", "Daft", "Spark", "By sequence number, in DuckDB", "By sequence number, in Spark"}
)
"""Those that `scripts/engines` runs, in an environment of its own."""

_URL: Final = "http://127.0.0.1:8080"
_SNAPSHOT_ID: Final = "5205699861694616229"
_DAY: Final = date(2026, 11, 1)
_HEADING: Final = re.compile(r"^##+ (.+)$", re.MULTILINE)
_BLOCK: Final = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Snippet:
    """The first block of code of a section.

    Attributes:
        language: `sh`, `python`, or another.
        code: The text of the snippet.
    """

    language: str
    code: str

    @property
    def reads(self) -> bool:
        """Whether it asks the service for something."""
        return _URL in self.code

    def about(self, url: str, snapshot_id: str) -> str:
        """Return the code for a server and a snapshot other than the page's."""
        return self.code.replace(_URL, url).replace(_SNAPSHOT_ID, snapshot_id)

    def of(self, day: date) -> Self:
        """Return the snippet for another day than the page's."""
        code = self.code
        for days in (timedelta(1), timedelta()):
            code = code.replace(f"'{_DAY + days}T", f"'{day + days}T")
        return replace(self, code=code)


def snippets() -> dict[str, Snippet]:
    """Return the page's snippets by their headings."""
    _, *parts = _HEADING.split(PAGE.read_text())
    found = {}
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        if block := _BLOCK.search(text):
            found[heading] = Snippet(block["language"], block["code"])
    return found
