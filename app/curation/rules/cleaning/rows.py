"""Turns rows of the raw table into rows of the stage `cleaned`."""

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import Indices
from app.curation.rules.cleaning.language import languages
from app.curation.rules.cleaning.masks.order import MASKS, Counts
from app.curation.rules.cleaning.roles import with_roles
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
from app.curation.rules.interface import REASON
from app.curation.rules.said import said
from catalog.stages import COMPUTED_STAGES, MASK_KINDS, OPTIONAL_COLUMNS

CLEANING_VERSION: Final = 1
"""Raised whenever the code of a rule changes what it makes of some row. Versions of libraries are
added to it where `StageRules` are made."""

_ROWS: Final = COMPUTED_STAGES["cleaned"].arrow_schema
_COMPUTED_LATER: Final = ("signals", "bands")
"""Columns of the stage that are computed from the cleaned conversations."""
CLEANED: Final = pa.schema(
    [
        *(field.remove_metadata() for field in _ROWS if field.name not in _COMPUTED_LATER),
        pa.field(REASON, pa.large_string()),
    ]
)
"""The columns that `clean` returns."""
_UNCHANGED: Final = ("contribution_id", "received_at", "submitter_id", "attribution")
_PROGRAM_NAMES: Final = ("source", "agent_id")
_UNIT_SEPARATOR, _RECORD_SEPARATOR = "\x1f", "\x1e"
"""Control characters of ASCII, which no cleaned text has."""


def clean(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Clean a batch of raw rows.

    Turns that show nothing are removed, and so are alternatives without a turn. Cleaning a cleaned
    row changes nothing, and then no masks are counted.

    Args:
        batch: Rows with the columns `RAW_COLUMNS` of the raw table.

    Returns:
        As many rows in the same order, with the columns `CLEANED`. The column `reason` is null for
        a row that the stage keeps, `empty` for one that has no turn left, and `no_exchange` for one
        in which no turn of an assistant follows one of a user.
    """
    turns, others, counts = _cleaned(batch)
    codes, confidence = languages(turns.joined(_prose(turns), "\n"))
    values = {
        **{name: batch.column(name) for name in _UNCHANGED},
        **{name: _masked_program_names(batch.column(name)) for name in _PROGRAM_NAMES},
        **{name: others.column(name) for name in OPTIONAL_COLUMNS},
        "conversation": turns.lists(CONVERSATION),
        "content_hash": content_hashes(turns),
        "language": codes,
        "language_confidence": confidence,
        "masked": _as_structs(counts),
        REASON: _reasons(turns),
    }
    arrays = [values[field.name].cast(field.type) for field in CLEANED]
    return pa.RecordBatch.from_arrays(arrays, schema=CLEANED)


def content_hashes(turns: TurnColumns) -> pa.Array:
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


def _cleaned(batch: pa.RecordBatch) -> tuple[TurnColumns, pa.RecordBatch, Counts]:
    """Clean the texts of rows, tell the roles of their turns, and remove turns that show nothing.

    Returns:
        The turns, the columns `OPTIONAL_COLUMNS`, and the counts of masks in each row.
    """
    conversations, others = batch.column("conversation"), batch.select(OPTIONAL_COLUMNS)
    turns = flattened(conversations)
    alternatives, place = alternatives_of(conversations)
    (others, counts), (columns, in_turns), (of_alternatives, in_alternatives) = cleaned_tables(
        others, turns.columns, alternatives.columns
    )
    turns = with_roles(turns.with_columns(columns))
    alternatives = with_roles(
        alternatives.with_columns(of_alternatives), turns["role"].take(pa.array(place))
    )
    alternatives, in_alternatives = _shown(alternatives, in_alternatives)
    np.add.at(in_turns, place[alternatives.row], in_alternatives)
    column = as_alternatives(alternatives, place, turns.columns.num_rows)
    turns = turns.with_columns(turns.columns.append_column(ALTERNATIVES, column))
    turns, in_turns = _shown(turns, in_turns)
    np.add.at(counts, turns.row, in_turns)
    return turns, others, counts


def _shown(turns: TurnColumns, counts: Counts) -> tuple[TurnColumns, Counts]:
    """Return the turns that show something, and their counts of masks."""
    kept = shown(turns)
    return turns.filter(kept), counts[kept.to_numpy(zero_copy_only=False)]


def _prose(turns: TurnColumns) -> pa.Array:
    """Return the content of each turn, empty where it is a tool's answer to a call.

    Such an answer is mostly data, with keys in English in a conversation of any language.
    """
    is_of_call = pc.or_(pc.is_valid(turns["tool_calls"]), pc.is_valid(turns["tool_call_id"]))
    has_calls = np.zeros(turns.conversations, bool)
    has_calls[turns.row[is_of_call.to_numpy(zero_copy_only=False)]] = True
    is_answer = pc.and_(pc.equal(turns["role"], "tool"), pa.array(has_calls[turns.row]))
    return pc.if_else(is_answer, pa.scalar("", turns["content"].type), turns["content"])


def _masked_program_names(names: pa.Array) -> pa.Array:
    """Return names of programs masked: one may be a URL with a password. Masks aren't counted."""
    distinct = names.cast(pa.large_string()).dictionary_encode()
    masked, _ = cleaned_texts(distinct.dictionary)
    return masked.take(distinct.indices)


def _as_structs(counts: Counts) -> pa.Array:
    """Return how often each kind was masked in each conversation, as structs."""
    of_kind = {mask.name: pa.array(counts[:, column]) for column, mask in enumerate(MASKS)}
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
