"""Made-up contributions, whose words are drawn by their frequency."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, cycle
from random import Random
from uuid import UUID

from app.ingest.decoding.contributions import new_contribution_id
from catalog.records import Contribution, Turn, time_of

_RANDOM = Random(0)  # noqa: S311  # texts, not secrets
_VOCABULARY = [
    "".join(_RANDOM.choices("etaoinshrdlu", k=_RANDOM.randint(2, 9))) for _ in range(5_000)
]
_FREQUENCIES = list(accumulate(1 / rank for rank in range(1, len(_VOCABULARY) + 1)))
"""Zipf's law, added up."""
_TURNS = 4
_WORDS_A_TURN = 40
_APART = timedelta(milliseconds=2)


def make(rows: int, since: datetime | None = None) -> Iterator[Contribution]:
    """Yield contributions of four turns and about 1 kB.

    Args:
        rows: Number of contributions.
        since: Time of receipt of the first, which the others follow closely; None: received now.
    """
    for number in range(rows):
        texts = [
            " ".join(_RANDOM.choices(_VOCABULARY, cum_weights=_FREQUENCIES, k=_WORDS_A_TURN))
            for _ in range(_TURNS)
        ]
        yield of_texts(texts, since + number * _APART if since else None)


def of_texts(texts: Sequence[str], received_at: datetime | None = None) -> Contribution:
    """Return a contribution of a user and an assistant.

    Args:
        texts: The texts of its turns.
        received_at: Time of receipt; None for now.
    """
    turns = (Turn(text, role) for text, role in zip(texts, cycle(("user", "assistant"))))
    contribution_id = _id_of(received_at) if received_at else new_contribution_id()
    return Contribution(
        contribution_id=contribution_id,
        conversation_id=contribution_id,
        received_at=time_of(contribution_id),
        agent_id="benchmark",
        conversation=tuple(turns),
        content_hash=hashlib.sha256("\n".join(texts).encode()).hexdigest(),
        source="benchmark",
    )


def _id_of(moment: datetime) -> str:
    """Return a UUIDv7 of a time: RFC 9562, section 5.7."""
    milliseconds = int(moment.timestamp() * 1000)
    chance = _RANDOM.getrandbits(74)
    low = (chance >> 62) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | low))
