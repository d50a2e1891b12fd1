"""The roles of turns, whatever words a raw row has for them."""

from typing import Final

import pyarrow as pa

from app.curation.rules.cleaning.roles import role_of

OTHER_ROLE: Final = "other"
"""The role of a turn whose word for the speaker isn't known, as raw rows may have it."""


def plain_roles(words: pa.Array) -> pa.Array:
    """Return the role for each word for a speaker: system, user, assistant, tool or other."""
    encoded = words.dictionary_encode()
    roles = [role_of(word) or OTHER_ROLE for word in encoded.dictionary.to_pylist()]
    # A null has no index, and no role is told of it.
    return pa.array(roles, pa.large_string()).take(encoded.indices).fill_null(OTHER_ROLE)
