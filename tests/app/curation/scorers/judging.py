"""Small scorers: what an operator could write."""

from collections.abc import Iterator, Sequence
from typing import Final

from app.curation.rules.cleaning.scores import TextScores


class Shouting:
    """Scores how much of a text is in capitals; flags what is all in capitals."""

    name: Final = "shouting"
    version: Final = "1"

    def score(self, texts: Sequence[str]) -> Iterator[TextScores | None]:
        """Yield the scores of each text; a text with the word AWAY can't be scored."""
        for text in texts:
            letters = [each for each in text if each.isalpha()]
            score = sum(map(str.isupper, letters)) / max(len(letters), 1)
            flags = ("shouting",) if score == 1 else ()
            yield None if "AWAY" in text else TextScores({"shouting": score}, flags)


class Counting:
    """Scores by the number of digits."""

    name: Final = "counting"
    version: Final = "2"

    def score(self, texts: Sequence[str]) -> Iterator[TextScores]:
        """Yield the scores of each text."""
        for text in texts:
            yield TextScores({"digits": sum(map(str.isdigit, text)) / max(len(text), 1)})


def unusable() -> object:
    """Return what is no scorer."""
    return object()


def broken() -> object:
    """Fail, as a model that isn't there does."""
    raise OSError("no model")
