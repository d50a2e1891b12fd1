"""What a release is asked to be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.releases.errors import FilterNeedsStage, LanguageInvalid, ReleaseNameInvalid
from app.state.published_folder import NameRule
from catalog.stages import Stage

Format = Literal["parquet", "jsonl"]
"""A form of the rows, and the folder that it lies in."""
MinRating = Literal["positive", "neutral"]
"""The least that a conversation must be rated: more positive than negative, or at least as much."""

NAMES: Final = NameRule(max_characters=100)
_LANGUAGE: Final = "[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
FORMATS: Final[tuple[Format, ...]] = ("parquet", "jsonl")
TEST_PERCENT: Final = 5
"""The share of the test split, unless another is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a release is asked to be: with a snapshot, all that its bytes follow from.

    Attributes:
        name: Its name, and the tag of its snapshots.
        stage: What it holds.
        licence: SPDX id of its licence.
        formats: Its forms, in their stated order.
        languages: ISO 639 codes of the languages that are wanted, sorted; none: all.
        min_rating: The least rating that is wanted; None: any.
        test_percent: The share of the test split, of a hundred.
    """

    name: str
    stage: Stage
    licence: str
    formats: tuple[Format, ...] = FORMATS
    languages: tuple[str, ...] = ()
    min_rating: MinRating | None = None
    test_percent: int = TEST_PERCENT

    def check(self) -> None:
        """See to it that it can be built.

        Raises:
            ReleaseNameInvalid: The name can't be a folder and a part of a URL.
            LanguageInvalid: What no stage would name a language is asked for.
            FilterNeedsStage: A raw release is to be filtered.
        """
        check_name(self.name)
        for language in self.languages:
            if re.fullmatch(_LANGUAGE, language) is None:
                raise LanguageInvalid(language)
        if self.stage == "raw" and self.languages:
            raise FilterNeedsStage("language")
        if self.stage == "raw" and self.min_rating:
            raise FilterNeedsStage("rating")

    def parameters(self) -> dict[str, Any]:
        """Return what the manifest says of it, beside the name, the stage and the licence."""
        return {
            "formats": list(self.formats),
            "languages": list(self.languages),
            "min_rating": self.min_rating,
            "test_percent": self.test_percent,
        }


def in_order(formats: Sequence[Format]) -> tuple[Format, ...]:
    """Return formats without repetition, in the order in which they are always written."""
    return tuple(each for each in FORMATS if each in formats)


def check_name(name: str) -> None:
    """Raise ReleaseNameInvalid unless the name can be a folder and a part of a URL."""
    if not NAMES.allows(name):
        raise ReleaseNameInvalid(name, NAMES.pattern)
