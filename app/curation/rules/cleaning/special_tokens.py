"""Replaces turns that hold special tokens of models by the turns that `transcripts` makes of them.

What is left of a text is cleaned again, since a token may have stood within what is masked.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import VISIBLE, Indices, matching, replaced
from app.curation.rules.cleaning.masks.order import Counts
from app.curation.rules.cleaning.mentioned_tokens import Topics
from app.curation.rules.cleaning.roles import Role
from app.curation.rules.cleaning.transcripts import MAYBE_TOKENS, before_tokens, split_transcript
from app.curation.rules.cleaning.turns import TurnColumns

CleanTexts = Callable[[pa.Array], tuple[pa.Array, Counts]]
"""Repairs and masks texts, and counts the masks in each."""


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
    contents, edits = (
        matching(turns[name], *MAYBE_TOKENS) for name in ("content", "edited_content")
    )
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
        of_turn, number = split_transcript(
            turn["content"], turn["role"], topics[conversations[index]]
        )
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
        before_tokens(text)
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
    parts, number = split_transcript(text, "assistant", topics)
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
