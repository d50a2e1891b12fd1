"""Estimating the number of tokens of a release from a sample of its rows.

The sample are the rows with the least hash of their id, so it is the same however the rows are cut
into batches, and each row is as likely to be in it. Characters are counted of all rows; the sample
tells how many characters a token has. Its texts are counted once all rows are known, and only so
much of them is kept until then, so that time and memory are bounded whatever the rows hold.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution, version
from math import fsum, sqrt
from typing import TYPE_CHECKING, Final

import mmh3
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.releases.counts.statistics import Tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SAMPLED_ROWS: Final = 256
"""Rows of the sample: few enough that counting their tokens takes a tenth of a second."""
ROW_CHARACTERS: Final = 20_000
"""Number of characters of a row whose tokens are counted; its others have as many in proportion."""
_PACKAGE: Final = "wordllama"
_TOKENIZER_FILE: Final = "wordllama/tokenizers/l2_supercat_tokenizer_config.json"
"""The tokenizer of Llama 2, with 32,000 pieces: https://arxiv.org/abs/2307.09288."""
_TOKENIZER_NAME: Final = "Llama 2"


@dataclass(frozen=True, slots=True)
class RowText:
    """A text of a row.

    Attributes:
        role: The role of who said it.
        text: The text, of which only the first `ROW_CHARACTERS` characters are needed.
    """

    role: str
    text: str


TextsOfRows = Callable[[list[int]], list[list[RowText]]]
"""Returns the texts of each of some rows, by the indices of the rows in their batch."""


@dataclass(frozen=True, slots=True)
class _SampledRow:
    """A row of the sample.

    Attributes:
        characters: Number of characters of the whole row.
        said: Texts of the row, up to `ROW_CHARACTERS` in all.
    """

    characters: int
    said: list[RowText]


class TokenSample:
    """Chooses rows, and counts their tokens."""

    def __init__(self, rows: int = SAMPLED_ROWS) -> None:
        """Begin without rows.

        Args:
            rows: Number of rows of the sample.
        """
        self._size = rows
        self._hashes = np.array([], np.uint64)
        self._rows: list[_SampledRow] = []

    def add(self, ids: pa.Array, characters: NDArray[np.int64], texts: TextsOfRows) -> None:
        """Let rows take part.

        Args:
            ids: The contribution_id of each row; several rows may have the same one.
            characters: The number of characters of each row.
            texts: Returns the texts of rows.
        """
        new = (mmh3.hash64(each, signed=False)[0] for each in ids.to_pylist())
        hashes = np.concatenate([self._hashes, np.fromiter(new, np.uint64, len(ids))])
        chosen = np.argsort(hashes, kind="stable")[: self._size]
        known = len(self._rows)
        entering = (chosen[chosen >= known] - known).tolist()
        sampled = {
            known + row: _SampledRow(int(characters[row]), _beginning(said))
            for row, said in zip(entering, texts(entering), strict=True)
        }
        self._rows = [sampled.get(place) or self._rows[place] for place in chosen.tolist()]
        self._hashes = hashes[chosen]

    def tokens(self, rows: int, characters: Mapping[str, int]) -> Tokens:
        """Return the number of tokens of all rows.

        Args:
            rows: Number of all rows.
            characters: Number of characters of all rows by role.
        """
        counted, tokens = Counter[str](), Counter[str]()
        of_rows = []
        for row in self._rows:
            in_row = Counter[str]()
            for said in row.said:
                counted[said.role] += len(said.text)
                in_row[said.role] += _count_tokens(said.text)
            tokens += in_row
            beginning = sum(len(said.text) for said in row.said)
            of_rows.append(_scaled(row.characters, in_row.total(), beginning))
        return Tokens(
            tokenizer=tokenizer_name(),
            sampled_rows=len(self._rows),
            is_exact=counted.total() == sum(characters.values()),
            error_percent=self._error_percent(rows, of_rows),
            by_role={
                role: _scaled(characters[role], *_rate(role, tokens, counted))
                for role in sorted(characters)
            },
            median=_quantile(sorted(of_rows), 0.5),
            ninth_decile=_quantile(sorted(of_rows), 0.9),
        )

    def _error_percent(self, rows: int, tokens: list[int]) -> float:
        """Return the standard error of the number of all tokens, in percent of it.

        It is that of a ratio estimate: Cochran, "Sampling techniques" (1977), section 6.4.

        Args:
            rows: Number of all rows.
            tokens: Number of tokens of each row of the sample.
        """
        sampled, counted = len(tokens), sum(tokens)
        if sampled == rows or not counted:
            return 0.0
        characters = [row.characters for row in self._rows]
        rate = counted / sum(characters)
        # An exact sum, so that the order of the rows can't change the last digit.
        squares = fsum(
            (count - rate * length) ** 2 for count, length in zip(tokens, characters, strict=True)
        )
        variance = (1 - sampled / rows) * squares * sampled / (sampled - 1)
        return round(100 * sqrt(variance) / counted, 1)


def tokenizer_name() -> str:
    """Return the name of the tokenizer with the package and the version that it comes from."""
    return f"{_TOKENIZER_NAME} ({_PACKAGE} {version(_PACKAGE)})"


def _beginning(texts: Iterable[RowText]) -> list[RowText]:
    """Return texts up to `ROW_CHARACTERS` in all."""
    left, kept = ROW_CHARACTERS, []
    for said in texts:
        kept.append(RowText(said.role, said.text[:left]))
        left -= len(kept[-1].text)
    return [said for said in kept if said.text]


def _rate(role: str, tokens: Counter[str], characters: Counter[str]) -> tuple[int, int]:
    """Return tokens for a number of characters: those of a role, or of all if it isn't sampled."""
    if characters[role]:
        return tokens[role], characters[role]
    return tokens.total(), characters.total()


def _scaled(characters: int, tokens: int, counted: int) -> int:
    """Return the number of tokens of characters of which some were counted, rounded."""
    return (2 * characters * tokens + counted) // (2 * counted) if counted else 0


def _quantile(ordered: list[int], share: float) -> int:
    """Return the number that a share of ascending numbers doesn't exceed; 0 without numbers."""
    return ordered[max(0, int(np.ceil(share * len(ordered))) - 1)] if ordered else 0


def _count_tokens(text: str) -> int:
    return len(_tokenizer().encode(text, add_special_tokens=False))


@cache
def _tokenizer() -> "Tokenizer":
    from tokenizers import Tokenizer  # noqa: PLC0415  # only builds of releases need it

    # Importing the package takes a second, and only its file is needed.
    path = distribution(_PACKAGE).locate_file(_TOKENIZER_FILE)
    return Tokenizer.from_file(str(path))
