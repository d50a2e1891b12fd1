# ruff: noqa: RUF001  # tokens and quotation marks in several scripts
"""Cuts special tokens of models out of a text, and splits a transcript into its turns.

A model that runs on past its answer, or an application that stores what it sent to a model, leaves
tokens such as `<|im_end|>` and `[INST]`, and the labels `Human:` and `Assistant:`, in contents.

- A token or a label that names a role begins a turn of that role.
- Of an assistant's turn only the answer stays: what follows a token that ends it, or the turn of
  another speaker, was made up by the model. A turn that begins with another speaker is a transcript
  and is split.
- Labels count only at the beginning of a turn, and in an assistant's turn where `Human:` stands
  after a blank line or `###` that follows a finished sentence. Dialogues that an assistant writes
  stay: those that were asked for, and those that begin with `Human:`.
- A text that talks about a token keeps it (`mentioned_tokens`), and so does a user's turn that has
  no other word.

Sources: the chat templates of ChatML, Llama 2 and 3, Mistral, Gemma, Zephyr, DeepSeek and MOSS, and
the transcripts of https://github.com/anthropics/hh-rlhf and, with `###`, those of Vicuna's first
version.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from app.curation.rules.cleaning.columns import first_bytes
from app.curation.rules.cleaning.mentioned_tokens import Topics, shows_template, unmentioned
from app.curation.rules.cleaning.roles import Role, role_of

MAYBE_TOKENS: Final = (
    first_bytes("<[|:"),
    r"[<\[]|\|>|(?:Human|Assistant):",
    r"<\||<｜|\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:[be]os|eo[ahm])>"
    r"|(?:\A|\n)\s*(?:### ?)?(?:Human|Assistant):",
)
"""What is all found in every text that may have a token or a label."""
_TOKEN: Final = re.compile(
    r"<\|im_start\|>(?P<chatml>\w+)(?:\n|\Z|<\|im_sep\|>)"
    r"|<\|start_header_id\|>(?P<llama>\w+)<\|end_header_id\|>"
    r"|<start_of_turn>(?P<gemma>\w+)(?:\n|\Z)"
    r"|<\|(?P<bare>[A-Za-z]\w{1,38})\|>:?"
    r"|<｜(?P<deepseek>[^｜<>\n]{1,38})｜>"
    r"|(?P<inst>\[/?INST\]|<</?SYS>>)"
    # All in a row are one match: a model that goes round in a loop repeats them by thousands.
    r"|\A(?:\s*<s>)+|(?<=</s>)<s>"
    r"|</s>(?:\s*+</s>)*+(?:(?=\s*(?:<s>|\Z))|(?P<within>))"
    r"|<(?:(?:start|end)_of_turn|[be]os|eo[ahm])>"
)
"""Matches with a group `within` are no tokens: something else follows."""
_LABEL: Final = re.compile(
    r"(?:\A\s*(?:### ?)?|\n\n|\s### ?)(?P<label>Human|Assistant):[ \t]*"
    r"(?:\s*(?:### ?)?(?P=label):[ \t]*)*"
)
_TOKEN_OR_LABEL: Final = re.compile(f"{_TOKEN.pattern}|{_LABEL.pattern}")
_LABELLED: Final[dict[Role, re.Pattern[str]]] = {
    "user": re.compile(r"\s*(?:### ?)?Human:"),
    "assistant": re.compile(
        r"\s*(?:### ?)?Assistant:"
        r"|(?!\s*Human:)(?s:.*?[.!?…。！？)\"”*`]\s*(?:\n\n|\n### ?)Human:)"
    ),
}
"""Matches the turns of a role in which labels count."""
_ROLES: Final[dict[str, Role]] = {
    "[INST]": "user",
    "[/INST]": "assistant",
    "<<SYS>>": "system",
    "<</SYS>>": "user",
}
_ENDS: Final = re.compile(r"end|eo[a-z]|/s", re.IGNORECASE)
"""Found in the tokens after which an answer is over."""
_REPEATED: Final = re.compile(r"</?s>|(?:Human|Assistant):")
"""What a match has once for each token."""
_WORD: Final = re.compile(r"\w")
_MAX_ROUNDS: Final = 64
"""How often a turn is split again at most, so that no text takes for ever."""


@dataclass(slots=True)
class _Part:
    role: Role | None
    follows_end: bool
    text: str


def before_tokens(text: str) -> str:
    """Return what stands before the first token or label of a text."""
    first = next(_found(_TOKEN_OR_LABEL, text), None)
    return text[: first.start()] if first else text


def split_transcript(text: str, role: Role, topics: Topics) -> tuple[list[tuple[Role, str]], int]:
    """Return the turns that a turn is split into, at least one, and the number of tokens cut.

    Args:
        text: Content of the turn.
        role: Role of the turn.
        topics: What its conversation is about.
    """
    turns, cut = [(role, text)], 0
    for _ in range(_MAX_ROUNDS):
        # What is left may begin or end with another token, such as two of them in a row.
        split = [_split_once(said, speaker, topics) for speaker, said in turns]
        number = sum(tokens for _, tokens in split)
        if not number:
            break
        cut += number
        turns = _joined([part for parts, _ in split for part in parts], role)
    return turns, cut


def _split_once(text: str, role: Role, topics: Topics) -> tuple[list[tuple[Role, str]], int]:
    tokens = _tokens(text, role, topics)
    if not tokens:
        return [(role, text)], 0
    parts = list(_parts(text, tokens))
    shown = [part for part in parts if part.text]
    if role == "user" and shown and not any(map(_WORD.search, (part.text for part in shown))):
        return [(role, text)], 0
    if role == "assistant" and shown and shown[0].role in {None, "assistant"}:
        shown = [_Part("assistant", False, _until_end(parts))]
    number = sum(len(_REPEATED.findall(token[0])) or 1 for token in tokens)
    return _joined([(part.role, part.text) for part in shown], role), number


def _tokens(text: str, role: Role, topics: Topics) -> list[re.Match[str]]:
    """Return the tokens and labels of a text that it doesn't talk about, in order."""
    found = list(_found(_TOKEN, text))
    labelled = _LABELLED.get(role)
    if labelled and labelled.match(text) and not (role == "assistant" and topics.dialogues):
        found = sorted([*found, *_LABEL.finditer(text)], key=re.Match.start)
    found = unmentioned(text, found, role) if found else found
    tokens = [match for match in found if match.re is _TOKEN]
    names = [name for name in map(_role, tokens) if name]
    if tokens and shows_template(
        text[: tokens[0].start()],
        is_transcript=role == "assistant" and names[:1] not in ([], ["assistant"]),
        ends=_ENDS.search(tokens[0][0]) is not None,
        topics=topics,
    ):
        return [match for match in found if match.re is _LABEL]
    return found


def _found(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return (match for match in pattern.finditer(text) if match["within"] is None)


def _role(token: re.Match[str]) -> Role | None:
    """Return the role that a token or label names; None if it names none."""
    word = next(filter(None, token.groupdict().values()), None)
    return _ROLES.get(word or "") or role_of(word)


def _parts(text: str, tokens: list[re.Match[str]]) -> Iterator[_Part]:
    """Yield what stands before, between and after tokens, with the role that a token names."""
    yield _Part(None, False, text[: tokens[0].start()].strip())
    ends = [*(token.start() for token in tokens[1:]), len(text)]
    for token, end in zip(tokens, ends, strict=True):
        yield _Part(
            _role(token), _ENDS.search(token[0]) is not None, text[token.end() : end].strip()
        )


def _until_end(parts: list[_Part]) -> str:
    """Return the text of an answer, without what follows its end."""
    texts: list[str] = []
    for part in parts:
        if texts and (part.follows_end or part.role not in {None, "assistant"}):
            break
        if part.text:
            texts.append(part.text)
    return "\n".join(texts)


def _joined(parts: Iterable[tuple[Role | None, str]], role: Role) -> list[tuple[Role, str]]:
    """Return texts as turns; one without a role goes on with the role before."""
    turns: list[tuple[Role, str]] = []
    for speaker, text in parts:
        role = speaker or role
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n{text}")
        elif text:
            turns.append((role, text))
    return turns or [(role, "")]
