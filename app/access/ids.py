"""The ids that the lake stores and shows: keyed hashes of the ids that clients send.

What a client sends as `submitter_id` and `ingest_id` is its secret: whoever knows both may replace
the conversation. The lake holds `contributor_id` and `conversation_id` instead, from which the
client's ids can't be worked out, nor be tried, without the secret of the lake.
"""

import hmac
import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Final

import msgspec
from sqlalchemy import select

from app.state.db import Database
from app.state.models import Secret
from catalog.errors import Unavailable

SECRET_NAME: Final = "ids"
"""Name of the lake's secret for ids, which `migrations.sql` makes."""
ID_BYTES: Final = 16
"""Bytes of HMAC-SHA-256 that an id keeps, as RFC 2104, section 5 recommends: at least half."""

MIN_CHARACTERS: Final = 16
"""Length below which an id can be guessed."""
MIN_DIFFERENT_CHARACTERS: Final = 8
"""Number of different characters below which an id can be guessed."""
_KNOWN_WORDS: Final = frozenset(
    [
        "anonymous",
        "anon",
        "default",
        "unknown",
        "nobody",
        "none",
        "null",
        "undefined",
        "user",
        "users",
        "username",
        "submitter",
        "contributor",
        "contributors",
        "client",
        "guest",
        "public",
        "test",
        "tests",
        "testing",
        "tester",
        "example",
        "demo",
        "sample",
        "admin",
        "administrator",
        "root",
        "system",
        "local",
        "localhost",
        "me",
        "id",
        "name",
        "conversation",
        "conversations",
        "chat",
        "session",
        "thread",
        "message",
        "first",
        "last",
        "new",
        "my",
        "the",
        "a",
    ]
)
_NO_LETTERS: Final = re.compile(r"[\W\d_]+")
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
        or len(set(client_id)) < MIN_DIFFERENT_CHARACTERS
        or "@" in client_id
        or _KNOWN_WORDS.issuperset(filter(None, _NO_LETTERS.split(client_id.lower())))
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
    def _secret(self) -> bytes:
        return self._read_secret()

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

    def _hash(self, values: tuple[str | None, ...]) -> str:
        # MessagePack states the length of each text, so no two tuples have the same bytes.
        return hmac.digest(self._secret, _encode(values), "sha256")[:ID_BYTES].hex()


def read_secret(database: Database) -> bytes:
    """Return the lake's secret for ids.

    Raises:
        SecretMissing: The migrations have not been run.
    """
    with database.read() as connection:
        secret = connection.scalar(select(Secret.value).where(Secret.name == SECRET_NAME))
    if secret is None:
        raise SecretMissing
    return bytes(secret)
