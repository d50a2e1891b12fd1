"""Finds what is masked in texts: the kind and the exact text of each finding."""

from collections.abc import Iterator
from typing import Any

from app.curation.rules.cleaning.masks.mask import with_placeholders
from app.curation.rules.cleaning.masks.order import MASKS


def find(rows: list[dict[str, Any]]) -> Iterator[set[str]]:
    """Yield for each row the labels `kind:text` of what is masked in its `text`."""
    for row in rows:
        found: set[str] = set()
        text, before = row["text"], None
        while text != before:
            before = text
            for mask in MASKS:
                spans = list(mask.find(text))
                found |= {f"{mask.name}:{text[begin:end]}" for begin, end in spans}
                text, _ = with_placeholders(text, spans, mask.name)
        yield found
