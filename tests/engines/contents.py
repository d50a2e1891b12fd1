"""A short summary of a lake's rows, which two processes can compare. Needs Python alone."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Contents:
    """Some contributions.

    Attributes:
        rows: How many.
        sha256: Of their titles, labels and turns, in whatever order they come.
    """

    rows: int
    sha256: str


def contents(rows: Iterable[Mapping[str, Any]]) -> Contents:
    """Return what some contributions, or the submissions that they were, hold."""
    texts = sorted(
        json.dumps(
            [
                row.get("title"),
                # Some engines know maps, to others they are lists of pairs.
                sorted(dict(_pairs(row.get("labels") or {})).items()),
                _given(row["conversation"]),
            ],
            sort_keys=True,
        )
        for row in rows
    )
    return Contents(len(texts), hashlib.sha256("\n".join(texts).encode()).hexdigest())


_FIRST = {"stopped": False}
"""What a turn has in the lake when its submission doesn't say it."""


def _pairs(labels: Any) -> Iterable[Any]:
    if isinstance(labels, Mapping):
        return labels.items()
    return (tuple(pair.values()) if isinstance(pair, Mapping) else pair for pair in labels)


def _given(value: Any) -> Any:
    """Return a value without what is null, at any depth, and times as numbers.

    pyiceberg tells an empty list for one that is null. The lake has no empty lists.
    """
    if isinstance(value, Mapping):
        turn = {**_FIRST, **value} if "content" in value else value
        return {
            name: _time(part) if name == "created_at" else _given(part)
            for name, part in turn.items()
            if part not in (None, [])
        }
    if isinstance(value, list | tuple):
        return [_given(part) for part in value]
    return value


def _time(value: Any) -> float:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    # Spark tells times in the zone of its process, which is UTC, and doesn't say so.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
