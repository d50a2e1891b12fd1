"""Cleans the texts of tables: repaired, and then masked until nothing more is found."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from app.curation.rules.cleaning.columns import replaced
from app.curation.rules.cleaning.json_texts import clean_json_once
from app.curation.rules.cleaning.leaves import Leaf, leaves_of, with_leaves
from app.curation.rules.cleaning.masks.order import MASKS, Counts, apply_masks
from app.curation.rules.cleaning.text import repair

_JSON_FIELDS: Final = frozenset({"arguments", "tools"})
"""The names of fields whose texts are JSON."""


def cleaned_tables(*tables: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, Counts]]:
    """Yield each table with its texts cleaned, and the counts of masks in each of its rows.

    A text that shows nothing becomes null where it may. The texts of all tables are cleaned at
    once, since each call takes some milliseconds to compile regular expressions.
    """
    leaves = [list(leaves_of(table)) for table in tables]
    every = [leaf for of_table in leaves for leaf in of_table]
    plain = [leaf for leaf in every if leaf.name not in _JSON_FIELDS]
    json = [leaf for leaf in every if leaf.name in _JSON_FIELDS]
    of_plain, of_json = _cleaned_leaves(plain, cleaned_texts), _cleaned_leaves(json, _cleaned_json)
    for table, of_table in zip(tables, leaves, strict=True):
        counts = np.zeros((table.num_rows, len(MASKS)), np.int32)
        texts = []
        for leaf in of_table:
            cleaned, masked = next(of_json if leaf.name in _JSON_FIELDS else of_plain)
            np.add.at(counts, leaf.row, masked)
            texts.append(cleaned)
        yield with_leaves(table, iter(texts)), counts


def cleaned_texts(texts: pa.Array) -> tuple[pa.Array, Counts]:
    """Return the texts repaired and masked, and the counts of masks in each."""
    return _until_nothing_is_masked(_clean_once, texts)


def _cleaned_json(texts: pa.Array) -> tuple[pa.Array, Counts]:
    return _until_nothing_is_masked(clean_json_once, texts)


def _cleaned_leaves(
    leaves: Sequence[Leaf], clean: Callable[[pa.Array], tuple[pa.Array, Counts]]
) -> Iterator[tuple[pa.Array, Counts]]:
    """Yield the cleaned texts of each leaf and their counts."""
    if not leaves:
        return
    texts, counts = clean(pa.concat_arrays([leaf.texts for leaf in leaves]))
    begin = 0
    for leaf in leaves:
        end = begin + len(leaf.texts)
        yield texts.slice(begin, len(leaf.texts)), counts[begin:end]
        begin = end


def _clean_once(texts: pa.Array) -> tuple[pa.Array, Counts]:
    return apply_masks(repair(texts))


def _until_nothing_is_masked(
    clean_once: Callable[[pa.Array], tuple[pa.Array, Counts]], texts: pa.Array
) -> tuple[pa.Array, Counts]:
    """Return the texts cleaned, and the counts of masks in each.

    Replacing one thing by its placeholder can let another one beside it be found, so texts are
    cleaned until nothing more is masked in them. Every round masks something, so this ends.
    """
    texts, counts = clean_once(texts)
    indices = np.flatnonzero(counts.any(axis=1))
    while len(indices):
        again, more = clean_once(texts.take(pa.array(indices)))
        texts = replaced(texts, indices, again)
        counts[indices] += more
        indices = indices[more.any(axis=1)]
    return texts, counts
