"""Names of people, where the operator has chosen a recogniser that finds them.

No form tells a name from another word, so a recogniser is a model. None is shipped:
app/curation/name_recognisers loads the operator's.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.curation.rules.cleaning.columns import matching, replaced
from app.curation.rules.cleaning.masks.mask import (
    ANY_PLACEHOLDER,
    Span,
    with_placeholders,
    without_overlaps,
)

KIND: Final = "person_name"
_LETTER: Final = r"\pL"
_PLACEHOLDER: Final = re.compile(ANY_PLACEHOLDER)


class NameRecogniser(Protocol):
    """Finds the names of people in texts."""

    @property
    def version(self) -> str:
        """A text that differs whenever the recogniser may find something else.

        It names the recogniser, its model, and the libraries that run it, with their versions.
        """

    def find(self, texts: Sequence[str]) -> Iterable[Iterable[Span]]:
        """Return, for each text in order, the places of all names in it.

        What is found in a text must not depend on the other texts, nor on what was read before.
        """


def without_names(
    texts: pa.Array, recogniser: NameRecogniser
) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Return the texts with a placeholder for each name, and the number of names in each."""
    counts = np.zeros(len(texts), np.int32)
    indices = matching(texts, _LETTER)
    read = texts.take(pa.array(indices)).to_pylist()
    masked = [
        with_placeholders(text, _names(text, spans), KIND)
        for text, spans in zip(read, recogniser.find(read), strict=True)
    ]
    counts[indices] = [count for _, count in masked]
    changed = np.flatnonzero(counts)
    return replaced(texts, changed, [text for text, count in masked if count]), counts


def _names(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the places that hold a letter and touch no placeholder, from left to right."""
    taken = [match.span() for match in _PLACEHOLDER.finditer(text)]
    for begin, end in without_overlaps(spans):
        is_free = all(end <= first or last <= begin for first, last in taken)
        if is_free and any(map(str.isalpha, text[begin:end])):
            yield begin, end
