"""The ids that the lake stores and shows: keyed hashes of the ids that clients send.

What a client sends as `submitter_id` and `ingest_id` is its secret: whoever knows both may replace
the conversation. The lake holds `contributor_id` and `conversation_id` instead, from which the
client's ids can't be worked out, nor be tried, without the secret of the lake.
"""

import hashlib
import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Final

import msgspec
from sqlalchemy import select

from app.state.db import Database
from app.state.models import Secret
from catalog.errors import Unavailable

SECRET_ROW: Final = "ids"  # noqa: S105  # a name
"""Name of the row with the lake's secret for ids, which `migrations.sql` makes."""
ID_BYTES: Final = 16
"""Bytes of HMAC-SHA-256 that an id keeps, as RFC 2104, section 5 recommends: at least half."""

MIN_CHARACTERS: Final = 16
"""Length below which an id can be guessed."""
MIN_DIFFERENT_CHARACTERS: Final = 8
"""Number of different characters below which an id can be guessed."""
_KNOWN_WORDS: Final = (
    "anonymous anon default unknown nobody none null undefined users user username submitter "
    "contributors contributor clients client guest public tests testing test example demo sample "
    "administrator admin root system localhost local name conversations conversation chat "
    "session thread message first last new"
)
# Longer words first, and without trying another reading, so that no id takes long.
_KNOWN: Final = re.compile(
    rf"(?:[\W\d_]|{'|'.join(sorted(_KNOWN_WORDS.split(), key=len, reverse=True))})*+"
)
_BLOCK_BYTES: Final = 64
"""Size of the blocks of SHA-256, which the secret isn't longer than."""
_REMEMBERED: Final = 4096

_encode = msgspec.msgpack.Encoder().encode


class SecretMissing(Unavailable):
    """The database has no secret for ids, because the migrations have not been run."""

    def __init__(self) -> None:
        super().__init__("the lake has no secret for ids; run the migrations first")


def is_guessable(client_id: str) -> bool:
    """Tell whether somebody else could guess an id that a client sends, so that it owns nothing.

    An id can be guessed that is shorter than `MIN_CHARACTERS`, has fewer than
    `MIN_DIFFERENT_CHARACTERS` different ones, consists of digits or of known words such as
    "anonymous", or is an address of e-mail. A UUID, a digest or a key can't.
    """
    return (
        len(client_id) < MIN_CHARACTERS
        # The beginning is looked at first: most ids have enough different characters there.
        or (
            len(set(client_id[:MIN_CHARACTERS])) < MIN_DIFFERENT_CHARACTERS
            and len(set(client_id)) < MIN_DIFFERENT_CHARACTERS
        )
        or "@" in client_id
        or _KNOWN.fullmatch(client_id.lower()) is not None
    )


class Ids:
    """Makes the ids of a lake.

    A namespace keeps apart what is sent with one API key: the same ids of clients give other ids of
    the lake in another namespace. None is the namespace of everybody without an API key.
    """

    def __init__(self, read_secret: Callable[[], bytes]) -> None:
        """Make ids.

        Args:
            read_secret: Returns the secret of the lake; called when it is first needed.
        """
        self._read_secret = read_secret
        self.contributor_id = lru_cache(_REMEMBERED)(self._contributor_id)

    @cached_property
    def _hashes(self) -> "tuple[hashlib._Hash, hashlib._Hash]":
        """The inner and the outer hash of HMAC, which have the padded secret: RFC 2104, section 2.

        Copying them takes a third of the time of `hmac.digest`.
        """
        secret = self._read_secret().ljust(_BLOCK_BYTES, b"\0")
        inner, outer = (bytes(byte ^ pad for byte in secret) for pad in (0x36, 0x5C))
        return hashlib.sha256(inner), hashlib.sha256(outer)

    def _contributor_id(self, submitter_id: str, namespace: str | None = None) -> str:
        """Return the contributor_id of a submitter_id: 32 hexadecimal digits."""
        return self._hash(("contributor", namespace, submitter_id))

    def conversation_id(
        self, submitter_id: str | None, ingest_id: str, namespace: str | None = None
    ) -> str:
        """Return the id that versions of a conversation share: 32 hexadecimal digits.

        Args:
            submitter_id: What the contributor's client sends; None when it is anonymous.
            ingest_id: The client's id of the conversation.
            namespace: The namespace of an API key.
        """
        return self._hash(("conversation", namespace, submitter_id, ingest_id))

    def settled_conversation_id(self, submitter_id: str | None, ingest_id: str) -> str:
        """Return the conversation_id of contributions that were stored under guessable ids.

        Their versions stay versions of each other, and none that comes later can join them.
        """
        return self._hash(("settled", submitter_id, ingest_id))

    def reporter_id(self, network: str) -> str:
        """Return the id of whoever reports from a network: 32 hexadecimal digits.

        Args:
            network: The name of the network, see `app.api.addresses.network_of`.
        """
        return self._hash(("reporter", network))

    def _hash(self, values: tuple[str | None, ...]) -> str:
        started, ending = self._hashes
        inner, outer = started.copy(), ending.copy()
        # MessagePack states the length of each text, so no two tuples have the same bytes.
        inner.update(_encode(values))
        outer.update(inner.digest())
        return outer.hexdigest()[: 2 * ID_BYTES]


def read_secret(database: Database) -> bytes:
    """Return the lake's secret for ids.

    Raises:
        SecretMissing: The migrations have not been run.
    """
    with database.read() as connection:
        secret = connection.scalar(select(Secret.value).where(Secret.name == SECRET_ROW))
    if secret is None:
        raise SecretMissing
    return bytes(secret)
