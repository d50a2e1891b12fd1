"""All kinds in their order, applied to a column of texts.

Each kind sees what the earlier ones left, so that nothing is masked twice, and what contains others
comes first: a key block or a URL's password may hold anything, a token may hold an `@`, an IBAN
groups of digits that look like a card's, and a card's digits look like a telephone's. An IP address
comes last, since it stays itself whatever is masked around it.
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
from app.curation.rules.cleaning.masks.kind import Kind

KINDS: Final[Sequence[Kind]] = (
    private_key.KIND,
    url_credentials.KIND,
    secret.KIND,
    email.KIND,
    iban.KIND,
    card.KIND,
    phone.KIND,
    ip_address.KIND,
)

Counts = npt.NDArray[np.int32]
"""How many were masked: a row for each text, a column for each of `KINDS`."""


def mask(texts: pa.Array) -> tuple[pa.Array, Counts]:
    """Return the texts with all kinds masked, and how many of each kind there were."""
    counts = np.zeros((len(texts), len(KINDS)), np.int32)
    for column, kind in enumerate(KINDS):
        places = matching(texts, kind.prefilter)
        masked = [kind.mask(text) for text in texts.take(pa.array(places)).to_pylist()]
        counts[places, column] = [count for _, count in masked]
        texts = replaced(texts, places, [text for text, _ in masked])
    return texts, counts
