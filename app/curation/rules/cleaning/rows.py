"""Rows of the raw table turned into rows of the stage `cleaned`."""

import hashlib
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import replaced
from app.curation.rules.cleaning.language import languages
from app.curation.rules.cleaning.masks.order import KINDS, Counts, mask
from app.curation.rules.cleaning.roles import with_roles
from app.curation.rules.cleaning.text import repair
from app.curation.rules.cleaning.turns import Turns, flattened, folded
from catalog.stages import COMPUTED_STAGES, MASK_KINDS

CLEANING_VERSION: Final = 1
"""Raised whenever the same rows may come out otherwise: the rules, or the libraries behind them."""

Reason = Literal["empty", "no_exchange"]

_ROWS: Final = COMPUTED_STAGES["cleaned"].arrow_schema
_LATER: Final = ("signals", "bands")
"""Columns of the stage that are computed from the cleaned conversations."""
CLEANED: Final = pa.schema(
    [
        *(field.remove_metadata() for field in _ROWS if field.name not in _LATER),
        pa.field("reason", pa.large_string()),
    ]
)
"""What `clean` returns."""
_AS_THEY_ARE: Final = ("contribution_id", "received_at", "submitter_id", "attribution")
_NAMES: Final = ("source", "agent_id")
_VISIBLE: Final = r"[^\s\pZ\p{Cc}\p{Cf}]"
_IN_TURN, _BETWEEN_TURNS = "\x1f", "\x1e"
"""Unit and record separator of ASCII, which no cleaned text holds."""


def clean(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows cleaned: as many, in their order.

    The result has the columns of `CLEANED`: those of the stage but `signals` and `bands`, and
    `reason`, why the stage leaves a row out: `empty` without a turn, `no_exchange` without a user's
    turn that an assistant's follows; null for a row that stays. A turn is out if its content shows
    nothing. What is cleaned already is returned as it is, with no masks counted.

    Args:
        batch: Rows with the raw table's columns contribution_id, received_at, source, agent_id,
            submitter_id, attribution and conversation.
    """
    turns, counts = _cleaned(flattened(batch.column("conversation")))
    shown = pc.match_substring_regex(turns.content, _VISIBLE)
    counts = counts[shown.to_numpy(zero_copy_only=False)]
    turns = turns.filter(shown)
    codes, confidence = languages(turns.joined(turns.content, "\n"))
    values = {
        **{name: batch.column(name) for name in _AS_THEY_ARE},
        **{name: _masked_names(batch.column(name)) for name in _NAMES},
        "conversation": folded(turns),
        "content_hash": content_hashes(turns),
        "language": codes,
        "language_confidence": confidence,
        "masked": _masked(turns, counts),
        "reason": _reasons(turns),
    }
    arrays = [values[field.name].cast(field.type) for field in CLEANED]
    return pa.RecordBatch.from_arrays(arrays, schema=CLEANED)


def content_hashes(turns: Turns) -> pa.Array:
    """Return the SHA-256, in hexadecimal, of the canonical form of each conversation.

    Canonical is, for each turn, its role, U+001F and its content, with U+001E between turns, in
    UTF-8. Neither character is in a cleaned text, so that no two conversations have one form.
    Ratings and edits don't count: the same words are a duplicate whoever judged them.
    """
    separator = pa.scalar(_IN_TURN, turns.role.type)
    of_turns = pc.binary_join_element_wise(turns.role, turns.content, separator)
    forms = turns.joined(of_turns, _BETWEEN_TURNS).cast(pa.large_binary())
    hashes = [hashlib.sha256(form).hexdigest() for form in forms.to_pylist()]
    return pa.array(hashes, pa.large_string())


def _cleaned(turns: Turns) -> tuple[Turns, Counts]:
    """Return all turns with roles and cleaned texts, and what was masked in each."""
    texts, counts = _cleaned_texts(pa.concat_arrays([turns.content, turns.edited_content]))
    many = len(turns.content)
    edited = texts.slice(many)
    shown = pc.match_substring_regex(edited, _VISIBLE)
    edited = pc.if_else(shown, edited, pa.scalar(None, edited.type))
    cleaned = with_roles(turns).but(content=texts.slice(0, many), edited_content=edited)
    return cleaned, counts[:many] + counts[many:]


def _cleaned_texts(texts: pa.Array) -> tuple[pa.Array, Counts]:
    """Repair and mask texts until nothing is left to do.

    A placeholder can be all that kept something from being found in what is beside it. Each round
    masks something, so that rounds end.
    """
    texts, counts = mask(repair(texts))
    places = np.flatnonzero(counts.any(axis=1))
    while len(places):
        again, more = mask(repair(texts.take(pa.array(places))))
        texts = replaced(texts, places, again)
        counts[places] += more
        places = places[more.any(axis=1)]
    return texts, counts


def _masked_names(names: pa.Array) -> pa.Array:
    """Mask what programs call themselves: a URL with a password, say. It isn't counted."""
    distinct = names.cast(pa.large_string()).dictionary_encode()
    masked, _ = _cleaned_texts(distinct.dictionary)
    return masked.take(distinct.indices)


def _masked(turns: Turns, counts: Counts) -> pa.Array:
    """Return how many of each kind were masked in each conversation."""
    sums = np.zeros((turns.conversations, len(KINDS)), np.int32)
    np.add.at(sums, turns.row, counts)
    of_kind = {kind.name: pa.array(sums[:, place]) for place, kind in enumerate(KINDS)}
    return pa.StructArray.from_arrays(
        [of_kind[name] for name in MASK_KINDS], fields=list(CLEANED.field("masked").type)
    )


def _reasons(turns: Turns) -> pa.Array:
    """Return why each conversation is left out, or null."""
    many = len(turns.row)
    first_user = np.full(turns.conversations, many)
    np.minimum.at(first_user, turns.row[_said_by(turns, "user")], _places(turns, "user"))
    last_answer = np.full(turns.conversations, -1)
    np.maximum.at(last_answer, turns.row[_said_by(turns, "assistant")], _places(turns, "assistant"))
    has_turns = np.bincount(turns.row, minlength=turns.conversations) > 0
    reasons = np.full(turns.conversations, None, object)
    reasons[first_user > last_answer] = "no_exchange"
    reasons[~has_turns] = "empty"
    return pa.array(reasons.tolist(), pa.large_string())


def _said_by(turns: Turns, role: str) -> npt.NDArray[np.bool_]:
    said: npt.NDArray[np.bool_] = pc.equal(turns.role, role).to_numpy(zero_copy_only=False)
    return said


def _places(turns: Turns, role: str) -> npt.NDArray[np.int64]:
    return np.flatnonzero(_said_by(turns, role))
