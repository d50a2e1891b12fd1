"""Turns rows of the raw table into rows of the stage `cleaned`."""

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import Indices, replaced
from app.curation.rules.cleaning.language import languages
from app.curation.rules.cleaning.masks.order import MASKS, Counts, apply_masks
from app.curation.rules.cleaning.roles import with_roles
from app.curation.rules.cleaning.text import repair
from app.curation.rules.cleaning.turns import TurnColumns, as_conversations, flattened
from app.curation.rules.interface import REASON
from catalog.stages import COMPUTED_STAGES, MASK_KINDS

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
_VISIBLE: Final = r"[^\s\pZ\p{Cc}\p{Cf}]"
"""Matches every text with a visible character."""
_UNIT_SEPARATOR, _RECORD_SEPARATOR = "\x1f", "\x1e"
"""Control characters of ASCII, which no cleaned text has."""


def clean(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Clean a batch of raw rows.

    Turns whose content shows nothing are removed. Cleaning a cleaned row changes nothing, and then
    no masks are counted.

    Args:
        batch: Rows with the columns `RAW_COLUMNS` of the raw table.

    Returns:
        As many rows in the same order, with the columns `CLEANED`. The column `reason` is null for
        a row that the stage keeps, `empty` for one that has no turn left, and `no_exchange` for one
        in which no turn of an assistant follows one of a user.
    """
    turns, counts = _cleaned(flattened(batch.column("conversation")))
    shown = pc.match_substring_regex(turns.content, _VISIBLE)
    counts = counts[shown.to_numpy(zero_copy_only=False)]
    turns = turns.filter(shown)
    codes, confidence = languages(turns.joined(turns.content, "\n"))
    values = {
        **{name: batch.column(name) for name in _UNCHANGED},
        **{name: _masked_program_names(batch.column(name)) for name in _PROGRAM_NAMES},
        "conversation": as_conversations(turns),
        "content_hash": content_hashes(turns),
        "language": codes,
        "language_confidence": confidence,
        "masked": _masked_counts(turns, counts),
        REASON: _reasons(turns),
    }
    arrays = [values[field.name].cast(field.type) for field in CLEANED]
    return pa.RecordBatch.from_arrays(arrays, schema=CLEANED)


def content_hashes(turns: TurnColumns) -> pa.Array:
    """Return the SHA-256, in hexadecimal, of the canonical form of each conversation.

    The canonical form is, for each turn, its role, U+001F and its content, with U+001E between
    turns, in UTF-8. No cleaned text has one of these characters, so two conversations have the same
    form only if their turns are the same. Ratings and edits aren't part of the form: a conversation
    is a duplicate whoever rated it.
    """
    separator = pa.scalar(_UNIT_SEPARATOR, turns.role.type)
    of_turns = pc.binary_join_element_wise(turns.role, turns.content, separator)
    forms = turns.joined(of_turns, _RECORD_SEPARATOR).cast(pa.large_binary())
    hashes = [hashlib.sha256(form).hexdigest() for form in forms.to_pylist()]
    return pa.array(hashes, pa.large_string())


def _cleaned(turns: TurnColumns) -> tuple[TurnColumns, Counts]:
    """Return the turns with roles and cleaned texts, and the counts of masks in each turn."""
    texts, counts = _cleaned_texts(pa.concat_arrays([turns.content, turns.edited_content]))
    number = len(turns.content)
    edited = texts.slice(number)
    shown = pc.match_substring_regex(edited, _VISIBLE)
    edited = pc.if_else(shown, edited, pa.scalar(None, edited.type))
    cleaned = with_roles(turns).with_columns(content=texts.slice(0, number), edited_content=edited)
    return cleaned, counts[:number] + counts[number:]


def _cleaned_texts(texts: pa.Array) -> tuple[pa.Array, Counts]:
    """Return the texts repaired and masked, and the counts of masks in each.

    Replacing one thing by its placeholder can let another one beside it be found, so texts are
    cleaned until nothing more is masked in them. Every round masks something, so this ends.
    """
    texts, counts = apply_masks(repair(texts))
    indices = np.flatnonzero(counts.any(axis=1))
    while len(indices):
        again, more = apply_masks(repair(texts.take(pa.array(indices))))
        texts = replaced(texts, indices, again)
        counts[indices] += more
        indices = indices[more.any(axis=1)]
    return texts, counts


def _masked_program_names(names: pa.Array) -> pa.Array:
    """Return names of programs masked: one may be a URL with a password. Masks aren't counted."""
    distinct = names.cast(pa.large_string()).dictionary_encode()
    masked, _ = _cleaned_texts(distinct.dictionary)
    return masked.take(distinct.indices)


def _masked_counts(turns: TurnColumns, counts: Counts) -> pa.Array:
    """Return how often each kind was masked in each conversation, as structs."""
    sums = np.zeros((turns.conversations, len(MASKS)), np.int32)
    np.add.at(sums, turns.row, counts)
    of_kind = {mask.name: pa.array(sums[:, column]) for column, mask in enumerate(MASKS)}
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
    return np.flatnonzero(pc.equal(turns.role, role).to_numpy(zero_copy_only=False))
