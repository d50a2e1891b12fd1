"""Wiring of `app.curation`: the stages, and what explains them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.curation.evaluation_sets.registry import EvaluationSets
from app.curation.explain import Explanations
from app.curation.near_duplicates import NearDuplicates
from app.services.access import AccessServices
from app.services.foundation import Foundation
from app.services.reading import ReadingServices
from app.settings import PREFIX

if TYPE_CHECKING:
    from app.curation.pipeline.quarantine import ScoreQuarantine
    from app.curation.pipeline.stages import Stages

_SCORERS: Final = "service:scores"
"""Who puts contributions into quarantine by their scores, in the log of moderation."""


class CurationServices:
    """What builds the stages, and tells what became of a contribution in them."""

    def __init__(
        self, foundation: Foundation, access: AccessServices, reading: ReadingServices
    ) -> None:
        self._foundation = foundation
        self._access = access
        self._reading = reading
        self.evaluation_sets = EvaluationSets(foundation.database)
        self.explanations = Explanations(
            foundation.get_catalog, reading.contributions, reading.lineage, access.hidden
        )
        self.near_duplicates = NearDuplicates(foundation.get_catalog, reading.contributions)

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

        settings = self._foundation.settings
        path = settings.name_recogniser
        recogniser = load_recogniser(path) if path else None
        scoring = load_scoring(settings)
        return Stages(
            self._foundation.database,
            self._foundation.catalog,
            lambda: standard_rules(
                self.evaluation_sets.load(), recogniser, scoring, self._access.networks.read()
            ),
            self._reading.replaced,
            self._access.banned_contributions.hidden_ids,
            settings.ray_address,
            self._access.takedowns.is_late,
            self._quarantine_by_scores(),
            KeptOutcomes(settings.outcomes),
        )

    def _quarantine_by_scores(self) -> "ScoreQuarantine | None":
        """Return what puts contributions into quarantine by their scores; None if nothing does."""
        from app.curation.pipeline.quarantine import ScoreQuarantine  # noqa: PLC0415
        from app.curation.scorers.conditions import parse_conditions  # noqa: PLC0415

        text = self._foundation.settings.quarantine_scores
        if text is None:
            return None
        conditions = parse_conditions(text, f"{PREFIX}QUARANTINE_SCORES")
        return ScoreQuarantine(conditions, self._put_into_quarantine)

    def _put_into_quarantine(self, ids: Sequence[str], reason: str) -> int:
        return self._reading.quarantine.add(ids, "scores", _SCORERS, reason)
