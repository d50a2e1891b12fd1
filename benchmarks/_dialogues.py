"""Made-up dialogues that resemble English, some of them near duplicates of another.

Words follow each other as in this project's documentation, so that language, lines and word
frequencies are like those of real text.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

_DOCS = Path(__file__).parent.parent / "docs"
_TURNS = 4
_WORDS_IN_TURN = 42
_NEAR = 0.2
"""Share of dialogues that are an earlier one whose prompts are kept and answers edited."""
_EDITED = 0.03
"""Share of words that are changed in the answers of such a dialogue."""
_REMEMBERED = 1_000
_PERSONAL = 0.05
"""Share of dialogues that hold an e-mail address and a phone number."""


def make(rows: int) -> Iterator[list[str]]:
    """Yield the texts of dialogues of four turns and about 1 kB, always the same."""
    chance = Random(5)  # noqa: S311  # texts, not secrets
    words = re.findall(r"[A-Za-z][A-Za-z'-]*[,.;:]?", _documentation())
    followers = defaultdict(list)
    for word, follower in pairwise(words):
        followers[word].append(follower)
    known: list[list[list[str]]] = []
    for row in range(rows):
        if known and chance.random() < _NEAR:
            dialogue = [
                _edited(turn, words, chance) if number % 2 else turn
                for number, turn in enumerate(chance.choice(known))
            ]
        else:
            dialogue = [_walk(followers, words, chance) for _ in range(_TURNS)]
            if len(known) < _REMEMBERED:
                known.append(dialogue)
            else:
                known[chance.randrange(_REMEMBERED)] = dialogue
        texts = [" ".join(turn) for turn in dialogue]
        if chance.random() < _PERSONAL:
            texts[0] += f" Write to someone{row}@example.org or call +49 30 {row % 10**6 + 10**6}."
        yield texts


def _documentation() -> str:
    return " ".join(page.read_text() for page in sorted(_DOCS.rglob("*.md")))


def _walk(followers: dict[str, list[str]], words: list[str], chance: Random) -> list[str]:
    walk = [chance.choice(words)]
    while len(walk) < _WORDS_IN_TURN:
        walk.append(chance.choice(followers[walk[-1]] or words))
    return walk


def _edited(turn: list[str], words: list[str], chance: Random) -> list[str]:
    return [chance.choice(words) if chance.random() < _EDITED else word for word in turn]
