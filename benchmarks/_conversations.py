"""Made-up conversations as clients send them."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

_TURN = "Why is the sky blue, and why is it red in the evening? " * 5
_ROLES = ("user", "assistant", "user", "assistant")

_WORDS = 5_000
_WORDS_IN_TURN = 35
_SUBMITTERS = 1_000


def submission(ingest_id: str, size_bytes: int = 0) -> str:
    """Return a submission of four turns, 1.4 kB of JSON, or of five that have about `size_bytes`.

    Args:
        ingest_id: The client's id of the conversation.
        size_bytes: The size that it is brought to by a fifth turn; 0 for none.
    """
    made = {
        "agent_id": "benchmark",
        "source": "benchmark",
        "prompt_template": "### Human: %1 ### Assistant:",
        "ingest_id": ingest_id,
        "conversation": [{"role": role, "content": _TURN} for role in _ROLES],
    }
    missing_bytes = size_bytes - len(json.dumps(made))
    if missing_bytes > 0:
        turn = {"role": "user", "content": _TURN * (missing_bytes // len(_TURN))}
        made["conversation"] = [*made["conversation"], turn]
    return json.dumps(made)


def lines(rows: int, ingest_id: str | None = None) -> Iterator[bytes]:
    """Yield lines of NDJSON of about 1 kB, each a conversation of four turns, always the same.

    Args:
        rows: Number of lines.
        ingest_id: Prefix of the lines' ingest ids; None for lines without one.
    """
    chance = random.Random(1)  # noqa: S311  # the same text every time
    words = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=k % 8 + 2)) for k in range(_WORDS)
    ]
    for row in range(rows):
        turns = [
            {"role": role, "content": " ".join(chance.choices(words, k=_WORDS_IN_TURN))}
            for role in _ROLES
        ]
        line = {
            "agent_id": "benchmark",
            "submitter_id": f"s{row % _SUBMITTERS}",
            "conversation": turns,
        }
        if ingest_id is not None:
            line["ingest_id"] = f"{ingest_id}-{row}"
        yield json.dumps(line).encode() + b"\n"


_DOCS = Path(__file__).parent.parent / "docs"
_FEWEST_TURNS, _MOST_TURNS = 3, 10
_FEWEST_CHARACTERS, _MOST_CHARACTERS = 10, 125
_FOREIGN = 0.25
"""Share of conversations in another script than the Latin one."""
_RATED = 0.1
"""Share of turns with a rating, and of those with an edited text."""
_SAYINGS = (
    "Почему небо голубое? «Потому что воздух рассеивает свет», — ответила она.\n",
    "天空是蓝色的。空气散射短波长的光。\n",
    "空はなぜ青いのですか。「光が散乱するからです」🙂\n",
    "لماذا السماء زرقاء؟ لأن الهواء يشتت الضوء الأزرق.\n",
    "आकाश नीला क्यों होता है? क्योंकि हवा नीले प्रकाश को बिखेरती है।\n",
    "하늘은 왜 파란가요? 공기가 파란 빛을 흩뜨리기 때문입니다.\n",
)


def varied_lines(rows: int, ingest_id: str | None = None) -> Iterator[bytes]:
    """Yield lines of NDJSON of about 900 bytes, shaped like real conversations, always the same.

    They have three to ten turns, cut from this project's documentation, so that there are newlines,
    quotation marks and code; a quarter is in other scripts.

    Args:
        rows: Number of lines.
        ingest_id: Prefix of the lines' ingest ids; None for lines without one.
    """
    chance = random.Random(2)  # noqa: S311  # the same text every time
    documentation = "\n".join(page.read_text() for page in sorted(_DOCS.rglob("*.md")))
    for row in range(rows):
        text = documentation
        if chance.random() < _FOREIGN:
            text = chance.choice(_SAYINGS) * _MOST_CHARACTERS
        line = {
            "agent_id": f"model-{row % 7}",
            "source": "benchmark",
            "submitter_id": f"s{row % _SUBMITTERS}",
            "conversation": [
                _turn(number, text, chance)
                for number in range(chance.randint(_FEWEST_TURNS, _MOST_TURNS))
            ],
        }
        if ingest_id is not None:
            line["ingest_id"] = f"{ingest_id}-{row}"
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _turn(number: int, text: str, chance: random.Random) -> dict[str, object]:
    turn: dict[str, object] = {"role": _ROLES[number % 2], "content": _excerpt(text, chance)}
    if chance.random() < _RATED:
        turn |= {"rating": "negative", "edited_content": _excerpt(text, chance)}
    return turn


def _excerpt(text: str, chance: random.Random) -> str:
    start = chance.randrange(len(text) - _MOST_CHARACTERS)
    return text[start : start + chance.randint(_FEWEST_CHARACTERS, _MOST_CHARACTERS)]
