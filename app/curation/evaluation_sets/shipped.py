"""The evaluation sets that are shipped with the service: every lake is checked against them."""

from functools import cache
from pathlib import Path
from typing import Final

from app.curation.evaluation_sets.items import checksum_of, encode_items, read_items
from app.curation.rules.curating.contamination import EvaluationItem
from app.curation.rules.interface import EvaluationSet

_TEXTS: Final = Path(__file__).parent / "texts"
_SETS: Final = (
    ("bfcl", "v4", "Apache-2.0"),
    ("humaneval", "1.0.3", "MIT"),
    ("longbench-write", "1.14.1", "Apache-2.0"),
)
"""Name, version and licence of each set. A set without a version has that of its package."""


@cache
def shipped_sets() -> dict[EvaluationSet, list[EvaluationItem]]:
    """Return the shipped sets and their items, by name."""
    return dict(_read(*parts) for parts in _SETS)


def _read(name: str, version: str, licence: str) -> tuple[EvaluationSet, list[EvaluationItem]]:
    items = read_items(_TEXTS / f"{name}.jsonl")
    digest = checksum_of(encode_items(items))
    return EvaluationSet(
        name=name, version=version, licence=licence, sha256=digest, items=len(items)
    ), items
