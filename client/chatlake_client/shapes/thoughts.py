"""Thoughts that applications keep inside an answer's text."""

import re
from typing import Final

from chatlake_client.conversation import Turn

ANSWERING: Final = frozenset({"assistant", "gpt", "chatgpt", "bot", "model"})
"""Words for a model as the speaker."""
_THOUGHT: Final = re.compile(
    r"\s*<(think|thinking|thought|reasoning)>(.*?)</\1>\s*", re.DOTALL | re.IGNORECASE
)


def split_thoughts(turn: Turn) -> None:
    """Move a block of thoughts at the start of an answer to the turn's reasoning."""
    if turn.role not in ANSWERING or not turn.content:
        return
    if found := _THOUGHT.match(turn.content):
        thought = found.group(2).strip()
        turn.content = turn.content[found.end() :]
        turn.reasoning = "\n".join(filter(None, (turn.reasoning, thought))) or None
