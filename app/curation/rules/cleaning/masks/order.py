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
from app.curation.rules.cleaning.masks.mask import Mask, TextsByHints
from app.curation.rules.cleaning.masks.person_name import NameRecogniser

MASKS: Final[Sequence[Mask]] = (
    private_key.MASK,
    url_credentials.MASK,
    secret.MASK,
    email.MASK,
    iban.MASK,
    id_number.MASK,
    birth_date.MASK,
    card.MASK,
    street_address.MASK,
    phone.MASK,
    ip_address.MASK,
)
KINDS: Final[Sequence[str]] = (*(mask.name for mask in MASKS), person_name.KIND)
"""The kinds in the order in which they are masked."""

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
    if not len(texts):
        # Compiling the regular expressions takes milliseconds.
        return texts, counts
    # A hint that the placeholders of earlier masks bring together is found when the text is
    # cleaned again.
    having: TextsByHints = {}
    for column, mask in enumerate(MASKS):
        texts, counts[:, column] = mask.apply(texts, having)
    if recogniser is not None:
        texts, counts[:, -1] = person_name.without_names(texts, recogniser)
    return texts, counts
