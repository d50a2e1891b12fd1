"""The recipe of a release: the parameters that it is built with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.releases.errors import FilterNeedsStage, LanguageInvalid
from app.state.published_folder import NameRule
from catalog.stages import Stage

Format = Literal["parquet", "jsonl"]
"""A file format of the rows, which is also the name of the folder with its files."""
MinRating = Literal["positive", "neutral"]
"""`positive`: more positive than negative ratings; `neutral`: at least as many."""

RELEASE_NAMES: Final = NameRule(max_characters=100)
_LANGUAGE: Final = "[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
FORMATS: Final[tuple[Format, ...]] = ("parquet", "jsonl")
TEST_PERCENT: Final = 5
"""Percentage of the test split by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The parameters of a release: with a snapshot, they determine its bytes.

    Attributes:
        name: Name of the release, and tag of the snapshots that it is built from.
        stage: Stage whose rows the release holds.
        licence: SPDX id of the licence.
        formats: File formats of the rows, in the order of `FORMATS`.
        languages: ISO 639 codes of the languages to keep, sorted; all are kept when it is empty.
        min_rating: Lowest rating of the conversations to keep; all are kept when None.
        test_percent: Percentage of the test split.
    """

    name: str
    stage: Stage
    licence: str
    formats: tuple[Format, ...] = FORMATS
    languages: tuple[str, ...] = ()
    min_rating: MinRating | None = None
    test_percent: int = TEST_PERCENT

    def check(self) -> None:
        """Check that a release can be built by this recipe.

        Raises:
            NameInvalid: The name can't be a folder and a part of a URL.
            LanguageInvalid: A language has a form that no stage uses.
            FilterNeedsStage: The recipe filters a raw release.
        """
        RELEASE_NAMES.check(self.name)
        for language in self.languages:
            if re.fullmatch(_LANGUAGE, language) is None:
                raise LanguageInvalid(language)
        if self.stage == "raw" and self.languages:
            raise FilterNeedsStage("language")
        if self.stage == "raw" and self.min_rating:
            raise FilterNeedsStage("rating")

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that the manifest lists under `parameters`."""
        return {
            "formats": list(self.formats),
            "languages": list(self.languages),
            "min_rating": self.min_rating,
            "test_percent": self.test_percent,
        }


def sort_formats(formats: Sequence[Format]) -> tuple[Format, ...]:
    """Return formats without repetition, in the order of `FORMATS`."""
    return tuple(form for form in FORMATS if form in formats)
