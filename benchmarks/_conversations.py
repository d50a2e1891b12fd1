"""Made-up conversations as clients send them."""

import json
import random
from collections.abc import Iterator

_TURN = "Why is the sky blue, and why is it red in the evening? " * 5
_ROLES = ("user", "assistant", "user", "assistant")

_WORDS = 5_000
_WORDS_IN_TURN = 35
_SUBMITTERS = 1_000


def submission(ingest_id: str, size_bytes: int = 0) -> str:
    """Return a submission of four turns, 1.4 kB of JSON, or of five that have about `size_bytes`.

    Args:
        ingest_id: Its id.
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
