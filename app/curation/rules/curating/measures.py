"""What is measured of conversations, so that they can be judged and compared later."""

from dataclasses import dataclass

import pyarrow as pa

from app.curation.rules.curating.contamination import Contamination
from app.curation.rules.curating.duplicates.minhash import bands
from app.curation.rules.curating.prompts import prompts
from app.curation.rules.curating.quality.score import quality_scores
from app.curation.rules.curating.quality.signals import signals
from app.curation.rules.curating.words import turns_of


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures conversations.

    Attributes:
        contamination: The evaluation sets that they may overlap with.
    """

    contamination: Contamination

    def __call__(self, conversations: pa.Array, languages: pa.Array) -> dict[str, pa.Array]:
        """Return the columns `MEASURED` of conversations.

        They are computed together, since splitting texts into words takes much of the time.

        Args:
            conversations: The conversations.
            languages: The language of each conversation.
        """
        turns = turns_of(conversations)
        return {
            "signals": signals(turns),
            "quality_score": quality_scores(turns, languages),
            "bands": bands(turns),
            "prompt": prompts(turns),
            **self.contamination.overlaps(turns),
        }
