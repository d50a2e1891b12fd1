"""Cleans the texts of tables: repaired, and then masked until nothing more is found."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import replaced
from app.curation.rules.cleaning.json_texts import clean_json_once
from app.curation.rules.cleaning.leaves import Leaf, leaves_of, with_leaves
from app.curation.rules.cleaning.masks.order import KINDS, Counts, apply_masks
from app.curation.rules.cleaning.masks.person_name import NameRecogniser
from app.curation.rules.cleaning.text import repair

_JSON_FIELDS: Final = frozenset({"arguments", "tools"})
"""The names of fields whose texts are JSON."""
_SAID_FIELDS: Final = frozenset({"content", "edited_content", "reasoning", "title", "arguments"})
"""The names of fields whose texts may name people. Others name models, tools and files, which a
recogniser takes for people."""

_CleanOnce = Callable[..., tuple[pa.Array, Counts]]
_Treatment = tuple[_CleanOnce, NameRecogniser | None]
"""How the texts of a leaf are cleaned, and who finds names in them."""


def cleaned_tables(
    *tables: pa.RecordBatch, recogniser: NameRecogniser | None = None
) -> Iterator[tuple[pa.RecordBatch, Counts]]:
    """Yield each table with its texts cleaned, and the counts of masks in each of its rows.

    A text that shows nothing becomes null where it may. The texts of all tables that are treated
    alike are cleaned at once, since each call takes some milliseconds to compile regular
    expressions.

    Args:
        tables: The tables.
        recogniser: Finds the names of people in what is said; None to leave them.
    """
    leaves = [list(leaves_of(table)) for table in tables]
    groups: dict[_Treatment, list[Leaf]] = {}
    for leaf in chain.from_iterable(leaves):
        groups.setdefault(_treatment(leaf, recogniser), []).append(leaf)
    cleaned = {treatment: _cleaned_leaves(group, *treatment) for treatment, group in groups.items()}
    for table, of_table in zip(tables, leaves, strict=True):
        counts = np.zeros((table.num_rows, len(KINDS)), np.int32)
        texts = []
        for leaf in of_table:
            of_leaf, masked = next(cleaned[_treatment(leaf, recogniser)])
            np.add.at(counts, leaf.row, masked)
            texts.append(of_leaf)
        yield with_leaves(table, iter(texts)), counts


def cleaned_texts(texts: pa.Array, recogniser: NameRecogniser | None) -> tuple[pa.Array, Counts]:
    """Return contents of turns repaired and masked, and the counts of masks in each.

    Args:
        texts: The contents.
        recogniser: Finds the names of people; None to leave them.
    """
    return _until_nothing_is_masked(partial(_clean_once, recogniser=recogniser), texts)


def _treatment(leaf: Leaf, recogniser: NameRecogniser | None) -> _Treatment:
    return (
        clean_json_once if leaf.name in _JSON_FIELDS else _clean_once,
        recogniser if leaf.name in _SAID_FIELDS else None,
    )


def _cleaned_leaves(
    leaves: Sequence[Leaf], clean_once: _CleanOnce, recogniser: NameRecogniser | None
) -> Iterator[tuple[pa.Array, Counts]]:
    """Yield the cleaned texts of each leaf and their counts."""
    texts, counts = _until_nothing_is_masked(
        partial(clean_once, recogniser=recogniser),
        pa.concat_arrays([leaf.texts for leaf in leaves]),
    )
    begin = 0
    for leaf in leaves:
        end = begin + len(leaf.texts)
        yield texts.slice(begin, len(leaf.texts)), counts[begin:end]
        begin = end


def _clean_once(texts: pa.Array, recogniser: NameRecogniser | None) -> tuple[pa.Array, Counts]:
    return apply_masks(repair(texts), recogniser)


def _until_nothing_is_masked(
    clean_once: Callable[[pa.Array], tuple[pa.Array, Counts]], texts: pa.Array
) -> tuple[pa.Array, Counts]:
    """Return the texts cleaned, and the counts of masks in each.

    Replacing one thing by its placeholder can let another one beside it be found, so texts are
    cleaned until nothing more is masked in them. Every round masks something, so this ends.
    Equal texts, such as the prompts of an application, are cleaned once.
    """
    distinct = texts.dictionary_encode()
    texts, counts = clean_once(distinct.dictionary)
    indices = np.flatnonzero(counts.any(axis=1))
    while len(indices):
        again, more = clean_once(texts.take(pa.array(indices)))
        texts = replaced(texts, indices, again)
        counts[indices] += more
        indices = indices[more.any(axis=1)]
    places = pc.fill_null(distinct.indices, len(counts)).to_numpy()
    of_nulls = np.zeros((1, len(KINDS)), counts.dtype)
    return texts.take(distinct.indices), np.concatenate([counts, of_nulls])[places]
