"""Precision and recall of labels."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """How the labels of one kind that were found compare with those that were expected.

    Attributes:
        right: Number of labels that were found and expected.
        wrong: Number of labels that were found and not expected.
        missed: Number of labels that were expected and not found.
    """

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """The part of the found labels that is right; 1 if none was found."""
        return self.right / found if (found := self.right + self.wrong) else 1.0

    @property
    def recall(self) -> float:
        """The part of the expected labels that was found; 1 if none was expected."""
        return self.right / expected if (expected := self.right + self.missed) else 1.0


def scores(expected: Iterable[set[str]], found: Iterable[set[str]]) -> dict[str, Score]:
    """Return the score of each kind of label, in alphabetical order, and of all labels.

    Args:
        expected: The labels that are right for each row.
        found: The labels that each of the same rows was given.
    """
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for its_expected, its_found in zip(expected, found, strict=True):
        right.update(map(_kind, its_expected & its_found))
        wrong.update(map(_kind, its_found - its_expected))
        missed.update(map(_kind, its_expected - its_found))
    kinds = sorted({*right, *wrong, *missed})
    of_kinds = {kind: Score(right[kind], wrong[kind], missed[kind]) for kind in kinds}
    return {**of_kinds, "all": Score(right.total(), wrong.total(), missed.total())}


def _kind(label: str) -> str:
    """Return the part of a label before its first colon, such as `phone` of `phone:555-0100`."""
    return label.partition(":")[0]
