"""Contributor keys: random ids that clients send as `submitter_id` or as a bearer token.

The lake doesn't store them. Whoever has the key is the contributor.
"""

import re
from secrets import token_urlsafe
from typing import Final

from app.access.ids import Ids, is_guessable
from catalog.errors import Invalid, LakeError

PREFIX: Final = "clc_"
"""How contributor keys begin, by which scanners of published code recognise them."""
_RANDOM_BYTES: Final = 32
_KEY: Final = re.compile(r"clc_[A-Za-z0-9_-]{43}")


class ContributorKeyMalformed(Invalid):
    """A bearer token begins as contributor keys do and isn't one.

    Attributes:
        errors: The message for the client, by header.
    """

    def __init__(self) -> None:
        super().__init__("the bearer token isn't a contributor key")
        self.errors = {"Authorization": ["A contributor key is clc_ and 43 characters after it."]}


class ContributorKeyMissing(LakeError):
    """A request for what belongs to a contributor has no key of theirs."""

    def __init__(self) -> None:
        super().__init__("send the contributor key as Authorization: Bearer")


class KeyOwnsNothing(LakeError):
    """The bearer token could be guessed, so nothing belongs to whoever knows it."""

    def __init__(self) -> None:
        super().__init__("an id that could be guessed owns nothing")


def owner_id(ids: Ids, authorization: str | None) -> str:
    """Return the contributor_id of whoever sends a request, by the bearer token of it.

    That is the contributor key, or the `submitter_id` that a client sends which has no such key.

    Args:
        ids: Makes the ids of the lake.
        authorization: The header Authorization; None without it.

    Raises:
        ContributorKeyMissing: There is no bearer token.
        KeyOwnsNothing: The token could be guessed.
    """
    token = bearer_token(authorization)
    if token is None:
        raise ContributorKeyMissing
    if is_guessable(token):
        raise KeyOwnsNothing
    return ids.contributor_id(token)


def new_contributor_key() -> str:
    """Return a new contributor key, of 256 random bits."""
    return PREFIX + token_urlsafe(_RANDOM_BYTES)


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
    if not _KEY.fullmatch(token):
        raise ContributorKeyMalformed
    return token
