"""Turns rows of the raw table into rows of the stage `cleaned`."""

import hashlib
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.alternation import irregularities
from app.curation.rules.cleaning.columns import Indices
from app.curation.rules.cleaning.language import detected_languages
from app.curation.rules.cleaning.masks.order import KINDS, Counts
from app.curation.rules.cleaning.masks.person_name import NameRecogniser
from app.curation.rules.cleaning.roles import with_roles
from app.curation.rules.cleaning.said import said
from app.curation.rules.cleaning.scores import NO_SCORING, Scoring, scored
from app.curation.rules.cleaning.special_tokens import CleanTexts, without_special_tokens
from app.curation.rules.cleaning.tables import cleaned_tables, cleaned_texts
from app.curation.rules.cleaning.turns import (
    ALTERNATIVES,
    CONVERSATION,
    TurnColumns,
    alternatives_of,
    as_alternatives,
    flattened,
    shown,
)
from app.curation.rules.interface import MEASURED, REASON
from catalog.schema import SEQUENCE_NUMBER
from catalog.stages.tables import COMPUTED_STAGES, MASK_KINDS, OPTIONAL_COLUMNS

CLEANING_VERSION: Final = 6
"""Raised whenever the code of a rule changes what it makes of some row. Versions of libraries are
added to it where `StageRules` are made."""

_BY_OTHERS: Final = {*MEASURED, SEQUENCE_NUMBER}
"""The columns of `cleaned` that aren't made from the row alone, or are measured later."""
_ROWS: Final = COMPUTED_STAGES["cleaned"].arrow_schema
CLEANED: Final = pa.schema(
    [
        *(field.remove_metadata() for field in _ROWS if field.name not in _BY_OTHERS),
        pa.field(REASON, pa.large_string()),
    ]
)
"""The columns that `clean` returns."""
_UNCHANGED: Final = ("contribution_id", "received_at", "contributor_id", "attribution")
_PROGRAM_NAMES: Final = ("source", "agent_id")
"""Columns that are masked, since a name of a program may be a URL with a password. Masks in them
aren't counted."""
_DISTINCT_NAMES: Final = pa.schema([pa.field("name", pa.large_string(), nullable=False)])
_UNIT_SEPARATOR, _RECORD_SEPARATOR = "\x1f", "\x1e"
"""Control characters of ASCII, which no cleaned text has."""


def clean(
    batch: pa.RecordBatch,
    recogniser: NameRecogniser | None = None,
    scoring: Scoring = NO_SCORING,
) -> pa.RecordBatch:
    """Clean a batch of raw rows.

    Turns that show nothing are removed, and so are alternatives without a turn. Cleaning a cleaned
    row changes none of its texts, and then no masks, tokens or removed turns are counted.

    Args:
        batch: Rows with the columns `RAW_COLUMNS` of the raw table.
        recogniser: Finds the names of people, which are masked; None to leave them.
        scoring: Scores the texts of rows that the stage keeps, once they are clean.

    Returns:
        As many rows in the same order, with the columns `CLEANED`. The column `reason` is null for
        a row that the stage keeps, `empty` for one that has no turn left, and `no_exchange` for one
        in which no turn of an assistant follows one of a user.
    """
    turns, others, counts, marks = _cleaned(batch, recogniser)
    languages = detected_languages(turns)
    reasons = _reasons(turns)
    is_kept = pc.is_null(reasons).to_numpy(zero_copy_only=False)
    values = {
        **{name: batch.column(name) for name in _UNCHANGED},
        **others,
        "conversation": turns.lists(CONVERSATION),
        "content_hash": said_hashes(turns),
        "language": languages.codes,
        "language_confidence": languages.confidence,
        "turn_languages": languages.of_turns,
        **marks,
        "masked": _as_structs(counts),
        **scored(turns, is_kept, scoring),
        REASON: reasons,
    }
    arrays = [values[field.name].cast(field.type) for field in CLEANED]
    return pa.RecordBatch.from_arrays(arrays, schema=CLEANED)


def said_hashes(turns: TurnColumns) -> pa.Array:
    """Return the SHA-256, in hexadecimal, of the canonical form of each conversation.

    The canonical form is, for each turn, its role, U+001F and what was said in it, with U+001E
    between turns, in UTF-8. No cleaned text has one of these characters, so two conversations have
    the same form only if the same was said. How it came about and how it was judged isn't part of
    the form: a conversation is a duplicate whoever rated it.
    """
    separator = pa.scalar(_UNIT_SEPARATOR, turns["role"].type)
    texts = said(turns["content"], turns["tool_calls"])
    of_turns = pc.binary_join_element_wise(turns["role"], texts, separator)
    forms = turns.joined(of_turns, _RECORD_SEPARATOR).cast(pa.large_binary())
    hashes = [hashlib.sha256(form).hexdigest() for form in forms.to_pylist()]
    return pa.array(hashes, pa.large_string())


def _cleaned(
    batch: pa.RecordBatch, recogniser: NameRecogniser | None
) -> tuple[TurnColumns, dict[str, pa.Array], Counts, dict[str, pa.Array]]:
    """Clean the texts of rows, tell the roles of their turns, and remove turns that show nothing.

    Returns:
        The turns; the columns `OPTIONAL_COLUMNS` and `_PROGRAM_NAMES`; the counts of masks in each
        row; and the columns `irregular` and `cut_tokens`.
    """
    conversations = batch.column("conversation")
    turns = flattened(conversations)
    alternatives, place = alternatives_of(conversations)
    names = _program_names(batch)
    (
        (optional, counts),
        (columns, in_turns),
        (of_alternatives, in_alternatives),
        (distinct, _),
    ) = cleaned_tables(
        batch.select(OPTIONAL_COLUMNS),
        turns.columns,
        alternatives.columns,
        pa.RecordBatch.from_arrays([names.dictionary], schema=_DISTINCT_NAMES),
        recogniser=recogniser,
    )
    others = {
        **{name: optional.column(name) for name in OPTIONAL_COLUMNS},
        **_as_columns(distinct.column(0).take(names.indices)),
    }
    counts, in_turns, in_alternatives = (
        np.pad(masked, ((0, 0), (0, 1))) for masked in (counts, in_turns, in_alternatives)
    )
    turns = with_roles(turns.with_columns(columns))
    alternatives = with_roles(
        alternatives.with_columns(of_alternatives), turns["role"].take(pa.array(place))
    )
    clean_texts = partial(cleaned_texts, recogniser=recogniser)
    alternatives, in_alternatives, _ = _shown_without_tokens(
        alternatives, in_alternatives, turns, turns.row[place], clean_texts
    )
    np.add.at(in_turns, place[alternatives.row], in_alternatives)
    column = as_alternatives(alternatives, place, turns.columns.num_rows)
    turns = turns.with_columns(turns.columns.append_column(ALTERNATIVES, column))
    turns, in_turns, removed_before = _shown_without_tokens(
        turns, in_turns, turns, np.arange(turns.conversations), clean_texts
    )
    np.add.at(counts, turns.row, in_turns)
    cut = counts[:, -1]
    marks = {
        "irregular": irregularities(turns, removed_before),
        "cut_tokens": pa.array(cut, mask=cut == 0),
    }
    return turns, others, counts[:, :-1], marks


def _shown_without_tokens(
    turns: TurnColumns,
    counts: Counts,
    context: TurnColumns,
    of_context: Indices,
    clean_texts: CleanTexts,
) -> tuple[TurnColumns, Counts, Indices]:
    """Return the turns that show something without special tokens, and their counts.

    The arguments are those of `without_special_tokens`. The last part of the result is, for each
    turn, how many turns were removed before it.
    """
    turns, counts = without_special_tokens(turns, counts, context, of_context, clean_texts)
    are_shown = shown(turns)
    removed_before = np.cumsum(~are_shown, dtype=np.int64)[are_shown]
    return turns.filter(are_shown), counts[are_shown], removed_before


def _program_names(batch: pa.RecordBatch) -> pa.DictionaryArray:
    """Return the columns `_PROGRAM_NAMES`, one after the other.

    They are encoded by a dictionary, since a batch has many rows of few programs.
    """
    columns = [batch.column(name).cast(pa.large_string()) for name in _PROGRAM_NAMES]
    return pa.concat_arrays(columns).dictionary_encode()


def _as_columns(names: pa.Array) -> dict[str, pa.Array]:
    """Return what `_program_names` put one after the other as columns by name."""
    rows = len(names) // len(_PROGRAM_NAMES)
    return {name: names.slice(at * rows, rows) for at, name in enumerate(_PROGRAM_NAMES)}


def _as_structs(counts: Counts) -> pa.Array:
    """Return how often each kind was masked in each conversation, as structs."""
    of_kind = {kind: pa.array(counts[:, column]) for column, kind in enumerate(KINDS)}
    return pa.StructArray.from_arrays(
        [of_kind[name] for name in MASK_KINDS], fields=list(CLEANED.field("masked").type)
    )


def _reasons(turns: TurnColumns) -> pa.Array:
    """Return why the stage drops each conversation; null for one that it keeps."""
    users, assistants = _turns_of(turns, "user"), _turns_of(turns, "assistant")
    first_user = np.full(turns.conversations, len(turns.row))
    np.minimum.at(first_user, turns.row[users], users)
    last_answer = np.full(turns.conversations, -1)
    np.maximum.at(last_answer, turns.row[assistants], assistants)
    has_turns = np.bincount(turns.row, minlength=turns.conversations) > 0
    reasons = np.full(turns.conversations, None, object)
    reasons[first_user > last_answer] = "no_exchange"
    reasons[~has_turns] = "empty"
    return pa.array(reasons.tolist(), pa.large_string())


def _turns_of(turns: TurnColumns, role: str) -> Indices:
    """Return the indices of the turns with a role."""
    return np.flatnonzero(pc.equal(turns["role"], role).to_numpy(zero_copy_only=False))
