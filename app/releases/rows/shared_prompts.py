"""Pairs of answers to one prompt that are in several conversations and were rated apart.

A rating judges one answer. Where people rated an answer to a prompt positive, and another answer to
the same prompt negative, the first is taken for the better one.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import pyarrow as pa

from app.releases.rows.dialogue import Message
from app.releases.rows.preferences import Judgement, Pair, key_of

MAX_WAITING: Final = 20_000
"""Number of rated answers that wait for one of the other rating; the oldest are forgotten."""


@dataclass(slots=True)
class _Waiting:
    """A rated answer.

    Attributes:
        contribution_id: The contribution that holds the answer.
        answer: The messages of the answer.
        contribution: The row of the stage that holds the answer; None once the row is counted.
    """

    contribution_id: str
    answer: list[Message]
    contribution: pa.RecordBatch | None


@dataclass(frozen=True, slots=True)
class SharedPair:
    """A pair of answers of two contributions.

    Attributes:
        pair: The pair.
        other_id: The contribution_id of the answer that waited.
        other: The row of the stage that holds this answer; None once the row is counted.
    """

    pair: Pair
    other_id: str
    other: pa.RecordBatch | None


class SharedPrompts:
    """Pairs each rated answer with the first one of the other rating to the same prompt."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[bytes, bool], _Waiting] = OrderedDict()

    def pairs(
        self,
        judged: Judgement,
        contribution_id: str,
        terms: tuple[str | None, ...],
        contribution: pa.RecordBatch | None,
    ) -> Iterator[SharedPair]:
        """Yield the pair that a rated answer makes, if it makes one.

        Args:
            judged: The rated answer.
            contribution_id: The contribution that holds it.
            terms: What else has to be the same for both, such as the licence.
            contribution: The row of its conversation; None if it counts already.
        """
        written = msgspec.json.encode((key_of(judged.prompt), terms))
        prompt = hashlib.sha256(written).digest()
        other = self._waiting.get((prompt, not judged.label))
        if other is not None and key_of(other.answer) != key_of(judged.completion):
            answers = (judged.completion, other.answer)
            chosen, rejected = answers if judged.label else reversed(answers)
            pair = Pair(judged.prompt, chosen, rejected, "shared_prompt")
            yield SharedPair(pair, other.contribution_id, other.contribution)
            other.contribution = None
            contribution = None
        waiting = _Waiting(contribution_id, judged.completion, contribution)
        self._waiting.setdefault((prompt, judged.label), waiting)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)
