"""Made-up contributions, whose texts are as varied as words drawn by their frequency are."""

import hashlib
from collections.abc import Iterator
from random import Random

from app.ingest.decode import new_contribution_id
from catalog.records import Contribution, Turn, time_of

_RANDOM = Random(0)  # noqa: S311  # texts, not secrets
_VOCABULARY = [
    "".join(_RANDOM.choices("etaoinshrdlu", k=_RANDOM.randint(2, 9))) for _ in range(5_000)
]
_FREQUENCIES = [1 / rank for rank in range(1, len(_VOCABULARY) + 1)]
"""Zipf's law."""
_TURNS = 4
_WORDS_A_TURN = 40


def make(rows: int) -> Iterator[Contribution]:
    """Yield contributions of four turns and about 1 kB, received now."""
    for _ in range(rows):
        texts = [
            " ".join(_RANDOM.choices(_VOCABULARY, _FREQUENCIES, k=_WORDS_A_TURN))
            for _ in range(_TURNS)
        ]
        turns = (
            Turn(text, role)
            for text, role in zip(texts, ("user", "assistant") * (_TURNS // 2), strict=True)
        )
        contribution_id = new_contribution_id()
        yield Contribution(
            contribution_id=contribution_id,
            ingest_id=contribution_id,
            received_at=time_of(contribution_id),
            agent_id="benchmark",
            conversation=tuple(turns),
            content_hash=hashlib.sha256("\n".join(texts).encode()).hexdigest(),
            source="benchmark",
        )
