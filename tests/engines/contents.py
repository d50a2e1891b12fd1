"""A short summary of a lake's rows, which two processes can compare. Needs Python alone."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Contents:
    """Some contributions.

    Attributes:
        rows: How many.
        sha256: Of their ids and texts, in whatever order they come.
    """

    rows: int
    sha256: str


def contents(rows: Iterable[Mapping[str, Any]]) -> Contents:
    """Return what some contributions, or the submissions that they were, hold."""
    texts = sorted(
        json.dumps([row["ingest_id"], *(turn["content"] for turn in row["conversation"])])
        for row in rows
    )
    return Contents(len(texts), hashlib.sha256("\n".join(texts).encode()).hexdigest())
