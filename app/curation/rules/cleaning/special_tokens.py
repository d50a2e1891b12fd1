# ruff: noqa: RUF001  # tokens and quotation marks in several scripts
"""Cuts special tokens of models out of turns, and splits a turn that is a transcript of several.

A model that runs on past its answer, or an application that stores what it sent to a model, leaves
tokens such as `<|im_end|>` and `[INST]`, and the labels `Human:` and `Assistant:`, in contents.

- A token or a label that names a role begins a turn of that role.
- Of an assistant's turn only the answer stays: what follows a token that ends it, or the turn of
  another speaker, was made up by the model. A turn that begins with another speaker is a transcript
  and is split.
- Labels count only at the beginning of a turn, and in an assistant's turn where `Human:` stands
  after a blank line that follows a finished sentence. Dialogues that an assistant writes stay.
- A text that talks about a token keeps it: in code, in quotation marks, or as a word of a sentence.

Sources: the chat templates of ChatML, Llama 2 and 3, Mistral, Gemma, Zephyr, DeepSeek and MOSS, and
the transcripts of https://github.com/anthropics/hh-rlhf.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import VISIBLE, matching, replaced
from app.curation.rules.cleaning.masks.order import Counts
from app.curation.rules.cleaning.roles import Role, role_of
from app.curation.rules.cleaning.turns import TurnColumns

_MAYBE: Final = (
    r"[<\[]|\|>|(?:Human|Assistant):",
    r"<\||<｜|\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:[be]os|eo[ahm])>"
    r"|(?:\A|\n)\s*(?:Human|Assistant):",
)
"""Both found by RE2 in every text that may have a token or a label."""
_TOKEN: Final = re.compile(
    r"<\|im_start\|>(?P<chatml>\w+)(?:\n|\Z|<\|im_sep\|>)"
    r"|<\|start_header_id\|>(?P<llama>\w+)<\|end_header_id\|>"
    r"|<start_of_turn>(?P<gemma>\w+)(?:\n|\Z)"
    r"|<\|(?P<bare>[A-Za-z]\w{1,38})\|>:?"
    r"|<｜(?P<deepseek>[^｜<>\n]{1,38})｜>"
    r"|(?P<inst>\[/?INST\]|<</?SYS>>)"
    r"|\A\s*<s>|</s>(?=\s*(?:<s>|\Z))|(?<=</s>)<s>"
    r"|<(?:(?:start|end)_of_turn|[be]os|eo[ahm])>"
)
_LABEL: Final = re.compile(r"(?:\A\s*|\n\n)(?P<label>Human|Assistant):[ \t]*")
_LABELLED: Final[dict[Role, re.Pattern[str]]] = {
    "user": re.compile(r"\s*Human:"),
    "assistant": re.compile(r"\s*Assistant:|(?s:.*?[.!?…。！？)\"”*`]\s*\n\nHuman:)"),
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
_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_QUOTES: Final = frozenset("\"'“”‘’„‚«»‹›「」『』《》()|")
_IN_SENTENCE: Final = re.compile(r"[^\W\d_],?[ \t]+\Z")
_SENTENCE_GOES_ON: Final = re.compile(r"[ \t]+\w|[,;:?.!](?:\s|\Z)")


@dataclass(slots=True)
class _Part:
    role: Role | None
    follows_end: bool
    text: str


def without_special_tokens(turns: TurnColumns, counts: Counts) -> tuple[TurnColumns, Counts]:
    """Return turns without the special tokens of models.

    Args:
        turns: Turns with their roles.
        counts: A row for each turn, in whose last column tokens and labels are counted.

    Returns:
        The turns, more than before where one was split, and their counts. The other fields and the
        counts of a split turn stay with the last part of its own role, or with the last part.
    """
    turns, counts = _with_answers_in_edits(turns, counts.copy())
    indices = matching(turns["content"], *_MAYBE)
    contents, roles = (turns[name].take(pa.array(indices)) for name in ("content", "role"))
    parts = {}
    for index, text, role in zip(
        indices.tolist(), contents.to_pylist(), roles.to_pylist(), strict=True
    ):
        of_turn, number = _split(text, role)
        if number:
            parts[index] = of_turn
            counts[index, -1] += number
    return _with_parts(turns, parts, counts) if parts else (turns, counts)


def _with_answers_in_edits(turns: TurnColumns, counts: Counts) -> tuple[TurnColumns, Counts]:
    """Return turns whose corrections are cut to their answers."""
    edits = turns["edited_content"]
    indices = matching(edits, *_MAYBE)
    answers = [_answer(text) for text in edits.take(pa.array(indices)).to_pylist()]
    counts[indices, -1] += np.array([number for _, number in answers], counts.dtype)
    edits = replaced(edits, indices, [text for text, _ in answers])
    if len(indices):
        edits = pc.if_else(pc.match_substring_regex(edits, VISIBLE), edits, None)
    return turns.with_columns(_with(turns.columns, "edited_content", edits)), counts


def _answer(text: str) -> tuple[str | None, int]:
    parts, number = _split(text, "assistant")
    answers = (said for role, said in reversed(parts) if role == "assistant" and said)
    return next(answers, None), number


def _with_parts(
    turns: TurnColumns, parts: dict[int, list[tuple[Role, str]]], counts: Counts
) -> tuple[TurnColumns, Counts]:
    """Return the turns with some of them replaced by parts, which are roles and contents."""
    lengths = np.ones(len(turns.row), np.int64)
    lengths[list(parts)] = [len(of_turn) for of_turn in parts.values()]
    origin = np.repeat(np.arange(len(turns.row)), lengths)
    begins = np.cumsum(lengths) - lengths
    is_own = np.ones(len(origin), bool)
    for index, of_turn in parts.items():
        own = turns["role"][index].as_py()
        place = max((at for at, (role, _) in enumerate(of_turn) if role == own), default=-1)
        is_own[begins[index] : begins[index] + len(of_turn)] = False
        is_own[begins[index] + place % len(of_turn)] = True
    if_own, places = pa.array(origin, mask=~is_own), np.flatnonzero(np.isin(origin, list(parts)))
    columns = pa.RecordBatch.from_arrays(
        [
            turns[field.name].take(if_own if field.nullable else pa.array(origin))
            for field in turns.columns.schema
        ],
        schema=turns.columns.schema,
    )
    flat = [part for of_turn in parts.values() for part in of_turn]
    for place, name in enumerate(("role", "content")):
        values = replaced(columns[name], places, [part[place] for part in flat])
        columns = _with(columns, name, values)
    stopped = pc.and_(columns["stopped"], pa.array(is_own))
    split = replace(turns, row=turns.row[origin], columns=_with(columns, "stopped", stopped))
    return split, counts[origin] * is_own[:, None]


def _with(columns: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    """Return columns with other values in one of them."""
    place = columns.schema.get_field_index(name)
    return columns.set_column(place, columns.schema.field(place), values)


def _split(text: str, role: Role) -> tuple[list[tuple[Role, str]], int]:
    """Return the turns that a turn is meant as, at least one, and the number of tokens cut."""
    turns, cut = [(role, text)], 0
    while True:
        # What is left may begin or end with another token, such as two of them in a row.
        split = [_split_once(said, speaker) for speaker, said in turns]
        number = sum(tokens for _, tokens in split)
        if not number:
            return turns, cut
        cut += number
        turns = _joined([part for parts, _ in split for part in parts], role)


def _split_once(text: str, role: Role) -> tuple[list[tuple[Role, str]], int]:
    tokens = list(_tokens(text, role))
    if not tokens:
        return [(role, text)], 0
    parts = list(_parts(text, tokens))
    shown = [part for part in parts if part.text]
    if role == "assistant" and shown and shown[0].role in {None, "assistant"}:
        shown = [_Part("assistant", False, _until_end(parts))]
    return _joined([(part.role, part.text) for part in shown], role), len(tokens)


def _tokens(text: str, role: Role) -> Iterator[re.Match[str]]:
    """Yield the tokens and labels of a text that it doesn't talk about, in order."""
    found = list(_TOKEN.finditer(text))
    if (labelled := _LABELLED.get(role)) and labelled.match(text):
        found = sorted([*found, *_LABEL.finditer(text)], key=re.Match.start)
    if not found:
        return
    code = [match.span() for match in _CODE.finditer(text)]
    is_template = not text[: found[0].start()].strip()
    for match in found:
        if any(begin <= match.start() < end for begin, end in code):
            continue
        if _is_quoted(text, match) or (not is_template and _is_word(text, match, role)):
            continue
        yield match


def _is_quoted(text: str, match: re.Match[str]) -> bool:
    before, after = text[: match.start()].rstrip(" ")[-1:], text[match.end() :].lstrip(" ")[:1]
    return before in _QUOTES and after in _QUOTES and bool(before and after)


def _is_word(text: str, match: re.Match[str], role: Role) -> bool:
    if not _IN_SENTENCE.search(text, max(0, match.start() - 8), match.start()):
        return False
    ends_text = not text[match.end() :].strip()
    return (ends_text and role != "assistant") or bool(
        not ends_text and _SENTENCE_GOES_ON.match(text, match.end())
    )


def _parts(text: str, tokens: list[re.Match[str]]) -> Iterator[_Part]:
    """Yield what stands before, between and after tokens, with the role that a token names."""
    yield _Part(None, False, text[: tokens[0].start()].strip())
    ends = [*(token.start() for token in tokens[1:]), len(text)]
    for token, end in zip(tokens, ends, strict=True):
        word = next((word for word in token.groupdict().values() if word), None)
        role = _ROLES.get(word or "") or role_of(word)
        yield _Part(role, _ENDS.search(token[0]) is not None, text[token.end() : end].strip())


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
