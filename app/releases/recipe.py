"""The recipe of a release: the parameters that it is built with."""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from app.releases.errors import (
    ExamplesNeedStage,
    FilterNeedsStage,
    FormNeedsStage,
    LanguageInvalid,
    QualityScoreInvalid,
    SharedPromptsNeedForm,
)
from app.state.published_folder import NameRule
from catalog.stages.tables import Stage

Format = Literal["parquet", "jsonl"]
"""A file format of the rows, which is also the name of the folder with its files."""
PairForm = Literal["preference", "unpaired"]
"""`preference`: a better and a worse answer in each row; `unpaired`: a good or a bad one."""
Form = Literal["conversations", PairForm]
"""What a row is: a conversation, or what people preferred."""
MinRating = Literal["positive", "neutral"]
"""`positive`: more positive than negative ratings; `neutral`: at least as many."""

Flagged = Literal["keep", "drop", "only"]
"""What becomes of conversations with a flagged turn: they are kept, left out, or alone kept."""

RELEASE_NAMES: Final = NameRule(max_characters=100)
_LANGUAGE: Final = "[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
FORMATS: Final[tuple[Format, ...]] = ("parquet", "jsonl")
FLAGGED: Final[tuple[Flagged, ...]] = get_args(Flagged)
FORMS: Final[tuple[Form, ...]] = ("conversations", "preference", "unpaired")
TEST_PERCENT: Final = 5
"""Percentage of the test split by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The parameters of a release: with a snapshot, they determine its bytes.

    Attributes:
        name: Name of the release, and tag of the snapshots that it is built from.
        stage: Stage whose rows the release holds.
        licence: SPDX id of the licence.
        form: What a row is.
        formats: File formats of the rows, in the order of `FORMATS`.
        languages: ISO 639 codes of the languages to keep, sorted; all are kept when it is empty.
        min_rating: Lowest rating of the conversations to keep; all are kept when None.
        min_quality_score: Lowest quality score of the conversations to keep, from 0 to 1; those
            without a score are kept. All are kept when None.
        licences: SPDX ids of the licences to keep; all are kept when it is empty.
        models: Names of the models whose conversations to keep; all are kept when it is empty.
        has_tools: Whether to keep conversations with tools, or those without; all when None.
        alternating: Whether to keep only conversations that strict chat templates take.
        flagged: What becomes of conversations with a turn that a scorer flagged.
        test_percent: Percentage of the test split.
        has_examples: Whether the card shows contributions that were left out as examples.
        shared_prompts: Whether answers of several conversations to one prompt are paired, where
            they were rated apart; only for `preference`.
    """

    name: str
    stage: Stage
    licence: str
    form: Form = "conversations"
    formats: tuple[Format, ...] = FORMATS
    languages: tuple[str, ...] = ()
    min_rating: MinRating | None = None
    min_quality_score: float | None = None
    licences: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    has_tools: bool | None = None
    alternating: bool = False
    flagged: Flagged = "keep"
    test_percent: int = TEST_PERCENT
    has_examples: bool = False
    shared_prompts: bool = False

    def check(self) -> None:
        """Check that a release can be built by this recipe.

        Raises:
            NameInvalid: The name can't be a folder and a part of a URL.
            LanguageInvalid: A language has a form that no stage uses.
            QualityScoreInvalid: The quality score isn't from 0 to 1.
            FilterNeedsStage: The recipe filters a raw release.
            FormNeedsStage: The recipe asks for the preferences of a raw release.
            ExamplesNeedStage: The recipe asks for examples of what a stage before curated left out.
            SharedPromptsNeedForm: The recipe pairs answers in a release that isn't `preference`.
        """
        RELEASE_NAMES.check(self.name)
        self._check_values()
        if self.stage == "raw":
            for filter_name in self._filters():
                raise FilterNeedsStage(filter_name)
            if self.form != "conversations":
                raise FormNeedsStage(self.form)
        if self.has_examples and self.stage != "curated":
            raise ExamplesNeedStage(self.stage)
        if self.shared_prompts and self.form != "preference":
            raise SharedPromptsNeedForm(self.form)

    def _check_values(self) -> None:
        for language in self.languages:
            if re.fullmatch(_LANGUAGE, language) is None:
                raise LanguageInvalid(language)
        if (score := self.min_quality_score) is not None and not 0 <= score <= 1:
            raise QualityScoreInvalid(score)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that the manifest lists under `parameters`.

        Those that were added later are left out where they have their default, so that an old
        release is built again to the same bytes.
        """
        later = {
            "form": None if self.form == "conversations" else self.form,
            "min_quality_score": self.min_quality_score,
            "licences": list(self.licences) or None,
            "models": list(self.models) or None,
            "has_tools": self.has_tools,
            "has_examples": self.has_examples or None,
            "alternating": self.alternating or None,
            "shared_prompts": self.shared_prompts or None,
            "flagged": self._flagged,
        }
        return {
            "formats": list(self.formats),
            "languages": list(self.languages),
            "min_rating": self.min_rating,
            "test_percent": self.test_percent,
            **{name: value for name, value in later.items() if value is not None},
        }

    @property
    def _flagged(self) -> Flagged | None:
        return None if self.flagged == "keep" else self.flagged

    def _filters(self) -> dict[str, object]:
        """Return the filters that are set, by name."""
        filters = {
            "language": self.languages,
            "rating": self.min_rating,
            "quality_score": self.min_quality_score,
            "licence": self.licences,
            "model": self.models,
            "tools": self.has_tools,
            "alternating": self.alternating or None,
            "flagged": self._flagged,
        }
        return {name: value for name, value in filters.items() if value not in {None, ()}}
