"""All masks in their order, applied to a column of texts.

Each mask sees what the earlier ones left, so nothing is masked twice. Kinds that can contain others
come first: a key block or a URL's password may hold anything, a token may hold an `@`, an IBAN has
groups of digits that look like a card's number, and a card's number, one of identity, a date of
birth or a postcode looks like a telephone number. IP addresses come last of what has a form, since
nothing that is masked beside one changes it. Names of people come after all of these: a recogniser
reads sentences, and much of what is masked before, such as an e-mail address, holds a name.
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
    person_name,
    phone,
    private_key,
    secret,
    street_address,
    url_credentials,
)
from app.curation.rules.cleaning.masks.mask import Mask
from app.curation.rules.cleaning.masks.person_name import NameRecogniser

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
    street_address.MASK,
    phone.MASK,
    ip_address.MASK,
)
MASKS: Final[Sequence[Mask]] = (*_OF_ANY_TEXT, *_OF_NUMBERS)
KINDS: Final[Sequence[str]] = (*(mask.name for mask in MASKS), person_name.KIND)
"""The kinds in the order in which they are masked."""
_DIGITS: Final = (
    r"[0-9](?:[^0-9\n]{0,3}[0-9]){3}|[^\P{Nd}0-9]"  # four digits near each other, or other digits
    r"|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]*:"  # an address of IP, version 6
    r"|[CFGHJK][0-9CFGHJ-NPRTV-Z]{6}[0-9]{2}"  # a German passport
    rf"|{street_address.FEW_DIGITS}"
)
"""Found in every text that a mask of `_OF_NUMBERS` finds something in. Most texts don't have it, so
it spares them the other searches."""

Counts = npt.NDArray[np.int32]
"""Numbers of replacements: a row for each text, a column for each of `KINDS`."""


def apply_masks(
    texts: pa.Array, recogniser: NameRecogniser | None = None
) -> tuple[pa.Array, Counts]:
    """Return the texts with all masks applied, and the number of replacements of each kind.

    Args:
        texts: The texts.
        recogniser: Finds the names of people; None to leave them in the texts.
    """
    counts = np.zeros((len(texts), len(KINDS)), np.int32)
    texts, counts[:, : len(_OF_ANY_TEXT)] = _applied(_OF_ANY_TEXT, texts)
    indices = matching(texts, _DIGITS)
    some, counts[indices, len(_OF_ANY_TEXT) : len(MASKS)] = _applied(
        _OF_NUMBERS, texts.take(pa.array(indices))
    )
    texts = replaced(texts, indices, some)
    if recogniser is not None:
        texts, counts[:, -1] = person_name.without_names(texts, recogniser)
    return texts, counts


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
