# ruff: noqa: RUF001  # tokens and quotation marks in several scripts
"""Cuts special tokens of models out of turns, and splits a turn that is a transcript of several.

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

What is left is cleaned again, since a token may have stood within what is masked.

Sources: the chat templates of ChatML, Llama 2 and 3, Mistral, Gemma, Zephyr, DeepSeek and MOSS, and
the transcripts of https://github.com/anthropics/hh-rlhf and, with `###`, those of Vicuna's first
version.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import VISIBLE, Indices, matching, replaced
from app.curation.rules.cleaning.masks.order import Counts
from app.curation.rules.cleaning.mentioned_tokens import (
    Topics,
    shows_template,
    unmentioned,
)
from app.curation.rules.cleaning.roles import Role, role_of
from app.curation.rules.cleaning.turns import TurnColumns

_MAYBE: Final = (
    r"[<\[]|\|>|(?:Human|Assistant):",
    r"<\||<｜|\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:[be]os|eo[ahm])>"
    r"|(?:\A|\n)\s*(?:### ?)?(?:Human|Assistant):",
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
_LABEL: Final = re.compile(r"(?:\A\s*(?:### ?)?|\n\n|\s### ?)(?P<label>Human|Assistant):[ \t]*")
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
_WORD: Final = re.compile(r"\w")

CleanTexts = Callable[[pa.Array], tuple[pa.Array, Counts]]
"""Repairs and masks texts, and counts the masks in each."""


@dataclass(slots=True)
class _Part:
    role: Role | None
    follows_end: bool
    text: str


def without_special_tokens(
    turns: TurnColumns,
    counts: Counts,
    context: TurnColumns,
    of_context: Indices,
    clean_texts: CleanTexts,
) -> tuple[TurnColumns, Counts]:
    """Return turns without the special tokens of models.

    Args:
        turns: Turns with their roles.
        counts: A row for each turn, in whose last column tokens and labels are counted.
        context: The conversations that tell what the turns are about, with their roles.
        of_context: Index of the conversation in `context` that each one of `turns` belongs to.
        clean_texts: Masks again what was cut, since a token may have hidden personal data.

    Returns:
        The turns, more than before where one was split, and their counts. The other fields and the
        counts of a split turn stay with the last part of its own role, or with the last part.
    """
    contents, edits = (matching(turns[name], *_MAYBE) for name in ("content", "edited_content"))
    conversations = of_context[turns.row]
    topics = _topics(context, np.unique(conversations[np.concatenate([contents, edits])]))
    turns, counts = _with_answers_in_edits(
        turns,
        counts.copy(),
        edits,
        [topics[row] for row in conversations[edits].tolist()],
        clean_texts,
    )
    parts = {}
    maybe = turns.columns.select(["content", "role"]).take(pa.array(contents)).to_pylist()
    for index, turn in zip(contents.tolist(), maybe, strict=True):
        of_turn, number = _split(turn["content"], turn["role"], topics[conversations[index]])
        if number:
            parts[index] = of_turn
            counts[index, -1] += number
    return _with_parts(turns, parts, counts, clean_texts) if parts else (turns, counts)


def _topics(turns: TurnColumns, conversations: Indices) -> dict[int, Topics]:
    """Return what each of some conversations is about, by its index."""
    offsets = turns.offsets.to_numpy()
    found = {}
    for row in conversations.tolist():
        begun = partial(_begun, turns, offsets[row], offsets[row + 1])
        found[row] = Topics(said=begun, asked=partial(begun, "user"))
    return found


def _begun(turns: TurnColumns, begin: int, end: int, role: Role | None = None) -> str:
    """Return what the turns from `begin` to `end` say, those of a role or all of them.

    Only what stands before tokens and labels tells, since the rest of a turn may be cut.
    """
    contents, roles = (
        turns[name].slice(begin, end - begin).to_pylist() for name in ("content", "role")
    )
    return "\n".join(
        _TOKEN_OR_LABEL.split(text, maxsplit=1)[0]
        for text, speaker in zip(contents, roles, strict=True)
        if role in {None, speaker}
    )


def _with_answers_in_edits(
    turns: TurnColumns,
    counts: Counts,
    indices: Indices,
    topics: Sequence[Topics],
    clean_texts: CleanTexts,
) -> tuple[TurnColumns, Counts]:
    """Return turns whose corrections, of those with these indices, are cut to their answers."""
    if not len(indices):
        return turns, counts
    edits = turns["edited_content"]
    texts = edits.take(pa.array(indices)).to_pylist()
    answers = [_answer(text, about) for text, about in zip(texts, topics, strict=True)]
    cut, masked = clean_texts(pa.array([text for text, _ in answers], edits.type))
    counts[indices, -1] += np.array([number for _, number in answers], counts.dtype)
    counts[indices, :-1] += masked
    edits = replaced(edits, indices, cut)
    edits = pc.if_else(pc.match_substring_regex(edits, VISIBLE), edits, None)
    return turns.with_columns(_with(turns.columns, "edited_content", edits)), counts


def _answer(text: str, topics: Topics) -> tuple[str | None, int]:
    parts, number = _split(text, "assistant", topics)
    answers = (said for role, said in reversed(parts) if role == "assistant" and said)
    return next(answers, None), number


def _with_parts(
    turns: TurnColumns,
    parts: dict[int, list[tuple[Role, str]]],
    counts: Counts,
    clean_texts: CleanTexts,
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
    roles, texts = zip(*(part for of_turn in parts.values() for part in of_turn), strict=True)
    contents, masked = clean_texts(pa.array(texts, columns["content"].type))
    columns = _with(columns, "role", replaced(columns["role"], places, roles))
    columns = _with(columns, "content", replaced(columns["content"], places, contents))
    stopped = pc.and_(columns["stopped"], pa.array(is_own))
    split = replace(turns, row=turns.row[origin], columns=_with(columns, "stopped", stopped))
    counts = counts[origin] * is_own[:, None]
    counts[places, :-1] += masked
    return split, counts


def _with(columns: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    """Return columns with other values in one of them."""
    place = columns.schema.get_field_index(name)
    return columns.set_column(place, columns.schema.field(place), values)


def _split(text: str, role: Role, topics: Topics) -> tuple[list[tuple[Role, str]], int]:
    """Return the turns that a turn is meant as, at least one, and the number of tokens cut."""
    turns, cut = [(role, text)], 0
    while True:
        # What is left may begin or end with another token, such as two of them in a row.
        split = [_split_once(said, speaker, topics) for speaker, said in turns]
        number = sum(tokens for _, tokens in split)
        if not number:
            return turns, cut
        cut += number
        turns = _joined([part for parts, _ in split for part in parts], role)


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
    return _joined([(part.role, part.text) for part in shown], role), len(tokens)


def _tokens(text: str, role: Role, topics: Topics) -> list[re.Match[str]]:
    """Return the tokens and labels of a text that it doesn't talk about, in order."""
    found = list(_TOKEN.finditer(text))
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
