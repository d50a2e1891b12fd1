"""A small recogniser: what follows a title is a name."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.curation.rules.cleaning.masks.mask import Span

_TITLED: Final = re.compile(r"\b(?:Mr|Ms|Dr)\.? (?P<name>[A-Z]\w*(?: [A-Z]\w*)?)")


class Titled:
    """Finds names after titles."""

    version = "titled 1"

    def find(self, texts: Sequence[str]) -> Iterator[list[Span]]:
        """Yield the places of the names in each text."""
        for text in texts:
            yield [match.span("name") for match in _TITLED.finditer(text)]


class Everything:
    """Takes every text as a whole for a name."""

    version = "everything 1"

    def find(self, texts: Sequence[str]) -> Iterator[list[Span]]:
        """Yield the place of each whole text, twice."""
        for text in texts:
            yield [(0, len(text)), (0, len(text))]


def unusable() -> object:
    """Return what is no recogniser."""
    return object()


def broken() -> object:
    """Fail, as a model that isn't there does."""
    raise OSError("no model")
