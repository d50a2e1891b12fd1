"""All masks in their order, applied to a column of texts.

Each mask sees what the earlier ones left, so nothing is masked twice. Kinds that can contain others
come first: a key block or a URL's password may hold anything, a token may hold an `@`, an IBAN has
groups of digits that look like a card's number, and a card's number, one of identity or a date of
birth looks like a telephone number.
IP addresses come last, since nothing that is masked beside one changes it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.curation.rules.cleaning.columns import matching, replaced
from app.curation.rules.cleaning.masks import (
    birth_date,
    card,
    email,
    iban,
    id_number,
    ip_address,
    phone,
    private_key,
    secret,
    url_credentials,
)
from app.curation.rules.cleaning.masks.mask import Mask

_OF_ANY_TEXT: Final[Sequence[Mask]] = (
    private_key.MASK,
    url_credentials.MASK,
    secret.MASK,
    email.MASK,
)
_OF_NUMBERS: Final[Sequence[Mask]] = (
    iban.MASK,
    id_number.MASK,
    birth_date.MASK,
    card.MASK,
    phone.MASK,
    ip_address.MASK,
)
MASKS: Final[Sequence[Mask]] = (*_OF_ANY_TEXT, *_OF_NUMBERS)
_DIGITS: Final = (
    r"[0-9](?:[^0-9\n]{0,3}[0-9]){3}|[^\P{Nd}0-9]"  # four digits near each other, or other digits
    r"|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]*:"  # an address of IP, version 6
    r"|[CFGHJK][0-9CFGHJ-NPRTV-Z]{6}[0-9]{2}"  # a German passport
)
"""Found in every text that a mask of `_OF_NUMBERS` finds something in. Most texts don't have it, so
it spares them the other searches."""

Counts = npt.NDArray[np.int32]
"""Numbers of replacements: a row for each text, a column for each of `MASKS`."""


def apply_masks(texts: pa.Array) -> tuple[pa.Array, Counts]:
    """Return the texts with all masks applied, and the number of replacements of each mask."""
    counts = np.zeros((len(texts), len(MASKS)), np.int32)
    texts, counts[:, : len(_OF_ANY_TEXT)] = _applied(_OF_ANY_TEXT, texts)
    indices = matching(texts, _DIGITS)
    some, counts[indices, len(_OF_ANY_TEXT) :] = _applied(
        _OF_NUMBERS, texts.take(pa.array(indices))
    )
    return replaced(texts, indices, some), counts


def _applied(masks: Sequence[Mask], texts: pa.Array) -> tuple[pa.Array, Counts]:
    counts = np.zeros((len(texts), len(masks)), np.int32)
    if not len(texts):
        # Compiling the regular expressions takes milliseconds.
        return texts, counts
    for column, mask in enumerate(masks):
        indices = np.unique(np.concatenate([matching(texts, *each) for each in mask.prefilters]))
        masked = [mask.apply(text) for text in texts.take(pa.array(indices)).to_pylist()]
        counts[indices, column] = [count for _, count in masked]
        changed = np.flatnonzero(counts[:, column])
        texts = replaced(texts, changed, [text for text, count in masked if count])
    return texts, counts
