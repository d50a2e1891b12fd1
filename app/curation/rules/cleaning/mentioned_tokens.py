# ruff: noqa: RUF001  # quotation marks and words in several scripts
"""Tells which special tokens a text talks about, so that they stay.

- A token in code, in quotation marks or as a word of a sentence is talked about.
- A text that introduces a token by a colon, an item of a list or a cell of a table shows an example
  of a template, and so does one in a conversation about templates whose first token isn't the end
  of an answer. All tokens of an example stay.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Final

from app.curation.rules.cleaning.roles import Role

_CODE: Final = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`|\"[^\"\n]*\"|(?<![\w'])'[^'\n]*'(?!\w)",
    re.DOTALL,
)
"""Code in fences or backticks, and strings in quotation marks within a line."""
_QUOTES: Final = frozenset("\"'“”‘’„‚«»‹›「」『』《》()|")
_NEAR_CHARACTERS: Final = 8
"""How far from a token the word or the quotation mark beside it is looked for."""
_IN_SENTENCE: Final = re.compile(r"[^\W\d_],?[ \t]+\Z")
_SENTENCE_GOES_ON: Final = re.compile(r"[ \t]+\w|[,;:?.!](?:\s|\Z)")
_INTRODUCED: Final = re.compile(r"(?:[:：]|(?:^|\n)[ \t]*(?:[-*•|]|\d+[.)]))\s*(?:<s>\s*)?\Z")
_TEMPLATES: Final = re.compile(
    r"\btokens?\b|tokeni[sz]|chat[ _-]?ml\b|jinja|\{%|\{\{"
    r"|\b(?:chat|prompt|instruct(?:ion)?|message|conversation)s?[ _-]?(?:format|template|syntax)"
    r"|\{(?:system|user|prompt|question|input|instruction|message|content)\w{0,10}\}"
    r"|jetons? spéciaux|sondertoken|prompt-?vorlage|chat-?vorlage|(?:plantilla|modelo|formato) de "
    r"(?:chat|prompt)|format d[eu] (?:chat|prompt)|токен|шаблон\w* (?:чата|промпт)|标记|標記|令牌"
    r"|词元|詞元|分词|模板|提示词?格式|トークン|テンプレート|토큰|템플릿",
    re.IGNORECASE,
)
_DIALOGUES: Final = re.compile(
    r"dialog|conversation|transcript|\bscript\b|\bplay\b|\bscene\b|interview|role-?play|\bskit\b"
    r"|chat between|gespräch|unterhaltung|conversaci|conversa\b|entretien|entrevista|диалог"
    r"|разговор|бесед|对话|對話|会話|対話|대화",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Topics:
    """What a conversation is about, as far as it tells why tokens or labels are in it.

    Its texts are searched only when somebody asks: that takes long, and few tokens depend on it.

    Attributes:
        said: Returns all that is said in the conversation.
        asked: Returns what its users say.
    """

    said: Callable[[], str]
    asked: Callable[[], str]

    @cached_property
    def templates(self) -> bool:
        """Whether the conversation speaks of templates or tokens."""
        return _TEMPLATES.search(self.said()) is not None

    @cached_property
    def dialogues(self) -> bool:
        """Whether a user asks for a dialogue, whose speakers may have any name."""
        return _DIALOGUES.search(self.asked()) is not None


def unmentioned(text: str, found: list[re.Match[str]], role: Role) -> list[re.Match[str]]:
    """Return the tokens and labels that are in no code, no quotation marks and no sentence.

    Args:
        text: The content of a turn.
        found: The tokens and labels in the text, in order, at least one.
        role: Role of the turn.
    """
    code = [match.span() for match in _CODE.finditer(text)]
    end = len(text.rstrip())
    is_template = not text[: found[0].start()].strip()
    return [
        match
        for match in found
        if not _is_within(code, match.start())
        and not _is_quoted(text, match)
        and not _closes_markup(text, match)
        and (is_template or not _is_word(text, match, end, role))
    ]


def shows_template(before: str, *, is_transcript: bool, ends: bool, topics: Topics) -> bool:
    """Tell whether a turn shows what a template looks like.

    Args:
        before: What stands before the first token that the turn doesn't mention otherwise.
        is_transcript: Whether an assistant says it, and the first role that tokens name is another.
        ends: Whether the first token is the end of an answer.
        topics: What the conversation is about.
    """
    if not before.strip():
        return is_transcript and topics.templates
    is_introduced = _INTRODUCED.search(before) is not None
    if ends:
        # What adjoins the last word ends an answer, even one that breaks off at a colon.
        return is_introduced and before[-1].isspace()
    return is_introduced or topics.templates


def _is_within(spans: Sequence[tuple[int, int]], place: int) -> bool:
    """Tell whether a place is in one of some spans, which are in order and don't overlap."""
    index = bisect_right(spans, place, key=itemgetter(1))
    return index < len(spans) and spans[index][0] <= place


def _is_quoted(text: str, match: re.Match[str]) -> bool:
    start, end = match.span()
    before = text[max(start - _NEAR_CHARACTERS, 0) : start].rstrip(" ")[-1:]
    after = text[end : end + _NEAR_CHARACTERS].lstrip(" ")[:1]
    return before in _QUOTES and after in _QUOTES


def _closes_markup(text: str, match: re.Match[str]) -> bool:
    """Tell whether a token is the end of HTML's strikethrough, which began within the text."""
    if not match[0].startswith("</s>"):
        return False
    opened = text.rfind("<s>", 0, match.start())
    before = text[max(opened - len("</s> "), 0) : max(opened, 0)].rstrip()
    return bool(before) and not before.endswith("</s>")


def _is_word(text: str, match: re.Match[str], end: int, role: Role) -> bool:
    """Tell whether a token is a word of a sentence.

    Args:
        text: The content of a turn.
        match: The token.
        end: Where the text ends, apart from white space.
        role: Role of the turn.
    """
    near = max(match.start() - _NEAR_CHARACTERS, 0)
    if not _IN_SENTENCE.search(text, near, match.start()):
        return False
    ends_text = match.end() >= end
    return (ends_text and role != "assistant") or bool(
        not ends_text and _SENTENCE_GOES_ON.match(text, match.end())
    )
