"""Contributor keys: random ids that clients send as `submitter_id` or as a bearer token.

The lake doesn't store them. Whoever has the key is the contributor. A key ends with a checksum of
the rest, since a mistyped key would be another contributor. Keys that were made before that have no
checksum, and are taken as they are.
"""

import re
from base64 import urlsafe_b64encode
from functools import lru_cache
from secrets import token_urlsafe
from typing import Final
from urllib.parse import unquote
from zlib import crc32

from app.access.contributors.ids import Ids, is_guessable
from app.access.permissions.keys import ApiKey
from catalog.errors import Invalid, LakeError

AUTHORIZATION: Final = "Authorization"
SUBMITTER_HEADER: Final = "Chatlake-Submitter-Id"
"""The header by which the holder of an API key says whose contributions are meant: a header,
because the id may be a secret, and addresses of requests are logged."""
_ENCODED: Final = re.compile(r"(?:[ -$&-~]|%[0-9A-Fa-f]{2})+")
PREFIX: Final = "clc_"
"""How contributor keys begin, by which scanners of published code recognise them."""
_RANDOM_BYTES: Final = 32
_CHECKSUM_CHARACTERS: Final = 6
_REMEMBERED: Final = 4096
_KEY: Final = re.compile(r"clc_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})?")
"""A random part, and its checksum, which older keys lack."""
MALFORMED: Final = (
    "Not a contributor key as it was given out: look for a mistyped, missing or added character."
)


class ContributorKeyMalformed(Invalid):
    """A text begins as contributor keys do and isn't one, such as a mistyped key.

    Attributes:
        errors: The message for the client, by header or field.
    """

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} has no contributor key that was given out")
        self.errors = {place: [MALFORMED]}


class ContributorKeyMissing(LakeError):
    """A request for what belongs to a contributor has no key of theirs."""

    def __init__(self) -> None:
        super().__init__("send the contributor key as Authorization: Bearer")


class KeyOwnsNothing(LakeError):
    """The bearer token could be guessed, so nothing belongs to whoever knows it."""

    def __init__(self) -> None:
        super().__init__("an id that could be guessed owns nothing")


class SubmitterMisplaced(Invalid):
    """A request names a contributor by `SUBMITTER_HEADER` where it can't, or doesn't where it must.

    Attributes:
        errors: The message for the client, by header.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"{SUBMITTER_HEADER}: {problem}")
        self.errors = {SUBMITTER_HEADER: [problem]}


def owner_id(
    ids: Ids,
    authorization: str | None,
    api_key: ApiKey | None = None,
    submitter: str | None = None,
) -> str:
    """Return the contributor_id of the owner for whom a request is sent.

    That is whoever has the bearer token: a contributor key, or the `submitter_id` that a client
    sends which has no such key. The holder of an API key owns all that was sent with it, and says
    which contributor of its namespace is meant.

    Args:
        ids: Makes the ids of the lake.
        authorization: The header Authorization; None without it.
        api_key: The valid API key in that header; None when it has none.
        submitter: The `submitter_id` of a contributor in the API key's namespace, percent-encoded;
            None when the request names nobody.

    Raises:
        ContributorKeyMissing: There is no bearer token.
        ContributorKeyMalformed: An id begins as contributor keys do and isn't one.
        KeyOwnsNothing: The token could be guessed.
        SubmitterMisplaced: `submitter` is missing beside an API key, is there without one, or isn't
            percent-encoded.
    """
    if api_key is not None:
        if submitter is None:
            raise SubmitterMisplaced("Say by it which contributor of the API key is meant.")
        submitter_id = _decoded(submitter)
        check_contributor_key(submitter_id, SUBMITTER_HEADER)
        return ids.contributor_id(submitter_id, api_key.key_id)
    if submitter is not None:
        raise SubmitterMisplaced("Only goes with an API key.")
    token = bearer_token(authorization)
    if token is None:
        raise ContributorKeyMissing
    check_contributor_key(token, AUTHORIZATION)
    if is_guessable(token):
        raise KeyOwnsNothing
    return ids.contributor_id(token)


def _decoded(submitter: str) -> str:
    """Return the text that is percent-encoded in a header, of which headers take ASCII alone."""
    if not _ENCODED.fullmatch(submitter):
        raise SubmitterMisplaced("Has to be percent-encoded UTF-8.")
    try:
        return unquote(submitter, errors="strict")
    except UnicodeDecodeError:
        raise SubmitterMisplaced("Has to be percent-encoded UTF-8.") from None


def new_contributor_key() -> str:
    """Return a new contributor key, of 256 random bits and a checksum."""
    random = token_urlsafe(_RANDOM_BYTES)
    return PREFIX + random + _checksum(random)


@lru_cache(_REMEMBERED)
def is_mistyped(client_id: str) -> bool:
    """Tell whether an id begins as contributor keys do and isn't one.

    A key that lost its whole checksum looks like an older key, and isn't found out.
    """
    if not client_id.startswith(PREFIX):
        return False
    key = _KEY.fullmatch(client_id)
    return key is None or key[2] not in {None, _checksum(key[1])}


def check_contributor_key(client_id: str, place: str) -> None:
    """Check that an id is no mistyped contributor key.

    Args:
        client_id: An id that a client sends, which need not be a contributor key.
        place: The header or field that has it.

    Raises:
        ContributorKeyMalformed: It begins as contributor keys do and isn't one.
    """
    if is_mistyped(client_id):
        raise ContributorKeyMalformed(place)


def _checksum(random: str) -> str:
    """Return the CRC-32 of the random part of a key, in the characters of keys."""
    return urlsafe_b64encode(crc32(random.encode()).to_bytes(4))[:_CHECKSUM_CHARACTERS].decode()


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of the header Authorization, or None when it has no bearer token.

    https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    """
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def contributor_key(authorization: str | None) -> str | None:
    """Return the contributor key of the header Authorization, or None when it has another token.

    Raises:
        ContributorKeyMalformed: The token begins as contributor keys do and isn't one.
    """
    token = bearer_token(authorization)
    if token is None or not token.startswith(PREFIX):
        return None
    check_contributor_key(token, AUTHORIZATION)
    return token
