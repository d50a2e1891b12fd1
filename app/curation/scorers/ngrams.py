"""Runs of characters of texts as numbers, by which linear models know any language.

Words would need a rule for each script. Runs of one to five characters need none, and see through
many ways of misspelling a word.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

LONGEST_RUN: Final = 5
"""Characters of the longest runs."""
BUCKETS: Final = 1 << 18
"""Runs are counted by a hash, so this is the number of features."""
_NOISE: Final = r"(?:https?://|www\.)\S+|@\w+|&#?\w+;"
"""Links, names of users and entities of HTML, which tell where a text stood, not what it means."""
_DIGIT, _SPACE = r"\d", r"[\s\p{Cc}\p{Cf}]+"
_BETWEEN: Final = " " * LONGEST_RUN
"""Stands between texts, so that no run that begins in one reaches into the next."""
_MULTIPLIER: Final = np.uint32(0x9E3779B1)
"""An odd number near 2^32 divided by the golden ratio, for multiplicative hashing (Knuth, "The Art
of Computer Programming", volume 3, section 6.4)."""
_SHIFT: Final = np.uint32(32 - (BUCKETS.bit_length() - 1))

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Characters:
    """The characters of normalised texts, one text after another.

    Attributes:
        codes: The code points, with spaces between texts.
        starts: The place at which each text begins.
        lengths: The number of characters of each text.
    """

    codes: NDArray[np.uint32]
    starts: Ints
    lengths: Ints

    def runs(self) -> Iterator[NDArray[np.uint32]]:
        """Yield the bucket of the run that begins at each character, shortest runs first."""
        hashes = np.zeros(len(self.codes), np.uint32)
        for length in range(1, LONGEST_RUN + 1):
            ends = np.zeros(len(self.codes), np.uint32)
            ends[: len(self.codes) - length + 1] = self.codes[length - 1 :]
            hashes = (hashes ^ ends) * _MULTIPLIER
            hashes ^= hashes >> np.uint32(15)
            yield (hashes * _MULTIPLIER) >> _SHIFT


def characters_of(texts: pa.Array) -> Characters:
    """Return the characters of texts, as models count them.

    Case, forms of compatibility, links, names of users, the value of digits and the kind of white
    space make no difference.

    Args:
        texts: Texts without nulls.
    """
    normalised = pc.utf8_lower(pc.utf8_normalize(texts.cast(pa.large_string()), "NFKC"))
    for pattern, replacement in ((_NOISE, " "), (_DIGIT, "0"), (_SPACE, " ")):
        normalised = pc.replace_substring_regex(normalised, pattern, replacement)
    normalised = pc.utf8_trim(normalised, " ")
    lengths = pc.utf8_length(normalised).to_numpy().astype(np.int64)
    joined: Any = _BETWEEN.join(["", *normalised.to_pylist(), ""])
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    ends = np.cumsum(lengths + len(_BETWEEN))
    return Characters(codes, ends - lengths, lengths)
