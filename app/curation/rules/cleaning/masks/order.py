"""All masks in their order, applied to a column of texts.

Each mask sees what the earlier ones left, so nothing is masked twice. Kinds that can contain others
come first: a key block or a URL's password may hold anything, a token may hold an `@`, an IBAN has
groups of digits that look like a card's number, and a card's number looks like a telephone number.
IP addresses come last, since nothing that is masked beside one changes it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.curation.rules.cleaning.columns import matching, replaced
from app.curation.rules.cleaning.masks import (
    card,
    email,
    iban,
    ip_address,
    phone,
    private_key,
    secret,
    url_credentials,
)
from app.curation.rules.cleaning.masks.mask import Mask

MASKS: Final[Sequence[Mask]] = (
    private_key.MASK,
    url_credentials.MASK,
    secret.MASK,
    email.MASK,
    iban.MASK,
    card.MASK,
    phone.MASK,
    ip_address.MASK,
)

Counts = npt.NDArray[np.int32]
"""Numbers of replacements: a row for each text, a column for each of `MASKS`."""


def apply_masks(texts: pa.Array) -> tuple[pa.Array, Counts]:
    """Return the texts with all masks applied, and the number of replacements of each mask."""
    counts = np.zeros((len(texts), len(MASKS)), np.int32)
    for column, mask in enumerate(MASKS):
        indices = matching(texts, mask.prefilter)
        masked = [mask.apply(text) for text in texts.take(pa.array(indices)).to_pylist()]
        counts[indices, column] = [count for _, count in masked]
        texts = replaced(texts, indices, [text for text, _ in masked])
    return texts, counts
