"""Wiring of `app.curation`: the stages, and what explains them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.curation.evaluation_sets.registry import EvaluationSets
from app.curation.explain import Explanations
from app.curation.near_duplicates import NearDuplicates
from app.services.reading import ReadingServices
from app.settings import PREFIX, Settings

if TYPE_CHECKING:
    from app.curation.pipeline.quarantine import ScoreQuarantine
    from app.curation.pipeline.stages import Stages

_SCORERS: Final = "service:scores"
"""Who puts contributions into quarantine by their scores, in the log of moderation."""


class CurationServices(ReadingServices):
    """What builds the stages, and tells what became of a contribution in them."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.evaluation_sets = EvaluationSets(self.database)
        self.explanations = Explanations(
            self.get_catalog, self.contributions, self.lineage, self.hidden
        )
        self.near_duplicates = NearDuplicates(self.get_catalog, self.contributions)

    def stages(self) -> "Stages":
        """Return the builder of the stages, for a process that is started for it.

        Raises:
            SettingsError: The recogniser of names or a scorer can't be used.
        """
        # Importing Daft takes 30 MB and starts threads, and no request needs it.
        from app.curation.name_recognisers.loading import load_recogniser  # noqa: PLC0415
        from app.curation.pipeline.kept_outcomes import KeptOutcomes  # noqa: PLC0415
        from app.curation.pipeline.stages import Stages  # noqa: PLC0415
        from app.curation.rules.standard import standard_rules  # noqa: PLC0415
        from app.curation.scorers.loading import load_scoring  # noqa: PLC0415

        path = self.settings.name_recogniser
        recogniser = load_recogniser(path) if path else None
        scoring = load_scoring(self.settings)
        return Stages(
            self.database,
            self.catalog,
            lambda: standard_rules(
                self.evaluation_sets.load(), recogniser, scoring, self.networks.read()
            ),
            self.replaced,
            self.banned_contributions.hidden_ids,
            self.settings.ray_address,
            self.takedowns.is_late,
            self._quarantine_by_scores(),
            KeptOutcomes(self.settings.outcomes),
        )

    def _quarantine_by_scores(self) -> "ScoreQuarantine | None":
        """Return what puts contributions into quarantine by their scores; None if nothing does."""
        from app.curation.pipeline.quarantine import ScoreQuarantine  # noqa: PLC0415
        from app.curation.scorers.conditions import parse_conditions  # noqa: PLC0415

        text = self.settings.quarantine_scores
        if text is None:
            return None
        conditions = parse_conditions(text, f"{PREFIX}QUARANTINE_SCORES")
        return ScoreQuarantine(conditions, self._put_into_quarantine)

    def _put_into_quarantine(self, ids: Sequence[str], reason: str) -> int:
        return self.quarantine.add(ids, "scores", _SCORERS, reason)
