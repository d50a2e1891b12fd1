"""Reads plain texts in which words at the beginnings of lines tell who speaks.

`User:` and `Assistant:`, and their kin. Such words also stand in texts that are no conversation,
and within answers. So a text is read only where the marks can't be taken for something else: the
user begins, perhaps behind `System:`, the two take turns, one word stands for each, and an empty
line stands before all marks or before none. `Q:` and `A:` aren't read: lists of questions with
their answers, written by people, look the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from chatlake_client.containers.lines import MAX_LINE_CHARS, NOT_TEXT, is_text, open_text
from chatlake_client.containers.source import Source
from chatlake_client.records import Json, Rejected, Row

ROLES: Final = {
    **dict.fromkeys(("User", "USER", "Human", "HUMAN", "You"), "user"),
    **dict.fromkeys(
        (
            *("Assistant", "ASSISTANT", "AI", "Bot", "BOT", "Chatbot"),
            *("ChatGPT", "GPT", "Claude", "Gemini", "Copilot", "Grok", "DeepSeek"),
        ),
        "assistant",
    ),
    **dict.fromkeys(("System", "SYSTEM"), "system"),
}
"""Words for speakers. They begin with capitals, as keys of settings don't."""
_MARK: Final = re.compile(rf"({'|'.join(ROLES)}):(?:[ \t]+(.*)|)")
_RULE: Final = re.compile(r"([-=*_#~])\1{2,}")


@dataclass(slots=True)
class Spoken:
    """What somebody says.

    Attributes:
        word: The word for who speaks.
        is_apart: Whether an empty line stands before the word.
        is_after_rule: Whether a line of dashes or the like stands before the word.
        lines: The lines of what is said.
    """

    word: str
    is_apart: bool
    is_after_rule: bool
    lines: list[str] = field(default_factory=list)

    @property
    def role(self) -> str:
        """Who speaks."""
        return ROLES[self.word]


def is_transcript(head: str) -> bool:
    """Tell whether a text begins with what the user says, and an answer follows."""
    if not _MARK.fullmatch(head.partition("\n")[0].rstrip()):
        return False
    roles = [one.role for one in _spoken(head.split("\n"))]
    return {"user", "assistant"} <= set(roles) and roles[0] != "assistant"


def _spoken(lines: list[str]) -> list[Spoken]:
    """Return what follows each mark of a speaker; the first line has one."""
    spoken: list[Spoken] = []
    before: list[str] = []
    for line in lines:
        if found := _MARK.fullmatch(line.rstrip()):
            said = next((one for one in reversed(before) if one.strip()), "")
            is_after_rule = _RULE.fullmatch(said.strip()) is not None
            is_apart = bool(before) and not before[-1].strip()
            spoken.append(Spoken(found[1], is_apart, is_after_rule, [found[2] or ""]))
        elif spoken:
            spoken[-1].lines.append(line)
        before.append(line)
    return spoken


def read_transcript(source: Source) -> Iterator[Row | Rejected]:
    """Yield the one conversation of a text.

    Raises:
        ValueError: The text is longer than `MAX_LINE_CHARS`.
    """
    with open_text(source, newline=None) as file:
        text = file.read(MAX_LINE_CHARS + 1)
    if len(text) > MAX_LINE_CHARS:
        raise ValueError(f"a transcript is longer than {MAX_LINE_CHARS} characters")
    if not is_text(text):
        yield Rejected(1, NOT_TEXT, text)
        return
    try:
        yield Row(1, _conversation(_spoken(text.split("\n"))), source.share())
    except ValueError as error:
        yield Rejected(1, str(error), text)


def _conversation(spoken: list[Spoken]) -> Json:
    """Return a row with the messages.

    Raises:
        ValueError: A mark may be a part of what somebody says.
    """
    words: dict[str, str] = {}
    talking = [one for one in spoken if one.role != "system"]
    for one in spoken:
        if words.setdefault(one.role, one.word) != one.word:
            raise ValueError(f"{words[one.role]} and {one.word}: two words for the {one.role}")
    if any(one.is_after_rule for one in spoken):
        raise ValueError("a rule before a speaker: is it another conversation?")
    if any(one.role == other.role for one, other in pairwise(talking)):
        raise ValueError("one speaks twice, so that a mark may be a part of what is said")
    if len({one.is_apart for one in spoken[1:]}) > 1:
        raise ValueError("only some marks follow an empty line: are the others parts of a text?")
    if any(one.role == "system" for one in spoken[1:]):
        raise ValueError("System stands within the conversation, and not at its beginning")
    messages = [{"role": one.role, "content": "\n".join(one.lines).strip()} for one in spoken]
    return {"messages": [message for message in messages if message["content"]]}
