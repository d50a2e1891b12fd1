"""API keys, which an operator gives to those who may do what isn't open to everybody.

A key is `clk_`, an id of 16 hexadecimal digits, `_`, and a secret of 64 hexadecimal digits. The id
is public, and finds the key. The database has the SHA-256 of the secret: the secret is random, with
256 bits, so that nobody can try all of them and a slow hash would add nothing.

Each process keeps all keys in memory for `MAX_AGE_S`. A revoked key is refused everywhere after
that time.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex
from typing import Final, Literal

from sqlalchemy import or_, select, update

from app.access.errors import KeyInvalid, KeyNameInvalid, KeyNameTaken, KeyNotFound
from app.access.permissions.key_uses import Uses
from app.access.refreshed import Refreshed
from app.access.roles import Role, Roles, grants
from app.state.db import Database, insert_missing
from app.state.models import ApiKeyRecord
from app.state.published_folder import NameRule

PREFIX: Final = "clk_"
"""The beginning of every API key, by which people and scanners for secrets recognise one."""
KEY_NAMES: Final = NameRule(max_characters=100)

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_ID: Final = re.compile(f"[0-9a-f]{{{2 * _ID_BYTES}}}")
_FORM: Final = re.compile(f"{PREFIX}({_ID.pattern})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")
_NO_DIGEST: Final = bytes(sha256().digest_size)
_NEW_KEY_AGE_S: Final = 0.2
"""Age of the keys in memory from which they are read again for an unknown id, which may be new."""

State = Literal["valid", "expired", "revoked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key, as the lake knows it.

    Attributes:
        key_id: The public id.
        name: The operator's name for it, of which there is one.
        role: What it is for.
        digest: The SHA-256 of the secret.
        made_at: When it was made.
        expires_at: When it ends by itself; None when it doesn't.
        revoked_at: When it was revoked; None when it wasn't.
        used_at: When it was last used, to a minute; None when it never was.
        limits: The limits that it has in place of those of all keys, by name.
    """

    key_id: str
    name: str
    role: Role
    digest: bytes = field(repr=False)
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None
    limits: Mapping[str, int] = field(default_factory=dict)

    def grants(self, needed: Roles) -> bool:
        """Tell whether the key may do what needs some roles."""
        return grants(self.role, needed)

    def state(self, now: datetime) -> State:
        """Return whether the key is valid at a time."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


class Keys:
    """The API keys of a lake, in the relational database."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._clock = clock
        self._known = Refreshed(self._read)
        self._uses = Uses(database)

    def create(
        self,
        name: str,
        role: Role,
        expires_at: datetime | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> str:
        """Make a key, and return it. It can't be shown again.

        Args:
            name: A name that no other key has or had.
            role: What the key is for.
            expires_at: When it ends by itself; None for never.
            limits: Limits of this key alone, accepted by `check_key_limits`; None for none.

        Raises:
            KeyNameInvalid: The name isn't allowed.
            KeyNameTaken: Another key has the name.
        """
        if not KEY_NAMES.allows(name) or _ID.fullmatch(name):
            raise KeyNameInvalid(name, KEY_NAMES.pattern)
        key_id, secret = token_hex(_ID_BYTES), token_hex(_SECRET_BYTES)
        values = {
            "key_id": key_id,
            "name": name,
            "role": role,
            "digest": _digest(secret),
            "made_at": self._clock(),
            "expires_at": expires_at,
            "limits": dict(limits or {}),
        }
        with self._database.write() as connection:
            if not connection.execute(insert_missing(connection, ApiKeyRecord), values).rowcount:
                raise KeyNameTaken(name)
        self._known.forget()
        return f"{PREFIX}{key_id}_{secret}"

    def all(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        return sorted(self._read().values(), key=lambda key: (key.made_at, key.name))

    def find(self, name: str) -> ApiKey:
        """Return a key by its name or its id.

        Raises:
            KeyNotFound: There is no such key.
        """
        for key in self._read().values():
            if name in {key.name, key.key_id}:
                return key
        raise KeyNotFound(name)

    def limit(self, name: str, limits: Mapping[str, int | None]) -> ApiKey:
        """Change a key's own limits, and return the key as it is then.

        Args:
            name: The name or the id of the key.
            limits: The new values by name, which `check_key_limits` has accepted. None gives the
                key the limit of all keys again. Limits that aren't named stay as they are.

        Raises:
            KeyNotFound: There is no such key.
        """
        key = self.find(name)
        changed = {**key.limits, **limits}
        own = {limit: value for limit, value in changed.items() if value is not None}
        changing = update(ApiKeyRecord).where(ApiKeyRecord.key_id == key.key_id)
        with self._database.write() as connection:
            connection.execute(changing.values(limits=own))
        self._known.forget()
        return replace(key, limits=own)

    def revoke(self, name: str) -> str:
        """Revoke a key for good, and return its name. A revoked key stays as it is.

        Args:
            name: The name or the id of the key.

        Raises:
            KeyNotFound: There is no such key.
        """
        is_meant = or_(ApiKeyRecord.name == name, ApiKeyRecord.key_id == name)
        is_unrevoked = ApiKeyRecord.revoked_at.is_(None)
        with self._database.write() as connection:
            found = connection.scalar(select(ApiKeyRecord.name).where(is_meant))
            if found is None:
                raise KeyNotFound(name)
            revoking = update(ApiKeyRecord).where(is_meant, is_unrevoked)
            connection.execute(revoking.values(revoked_at=self._clock()))
        self._known.forget()
        return found

    def verify(self, text: str) -> ApiKey:
        """Return the valid key of a text, and note its use.

        Raises:
            KeyInvalid: It isn't the text of a key, or the key isn't valid.
        """
        key_id, secret = _parse(text)
        known = self._known.get()
        if key_id not in known:
            known = self._known.get(_NEW_KEY_AGE_S)
        return self._checked(known.get(key_id), secret)

    def recall(self, text: str) -> ApiKey | None:
        """Return what `verify` does if that needs no database; otherwise None.

        Raises:
            KeyInvalid: It isn't the text of a key, or the key isn't valid.
        """
        key_id, secret = _parse(text)
        key = (self._known.peek() or {}).get(key_id)
        return None if key is None else self._checked(key, secret)

    def close(self) -> None:
        """Wait until the last use is recorded."""
        self._uses.close()

    def _checked(self, key: ApiKey | None, secret: str) -> ApiKey:
        # An unknown id takes as long as a wrong secret.
        is_right = compare_digest(_digest(secret), key.digest if key else _NO_DIGEST)
        if key is None or not is_right:
            raise KeyInvalid("there is no such key")
        now = self._clock()
        state = key.state(now)
        if state != "valid":
            raise KeyInvalid(f"it is {state}")
        self._uses.note(key.key_id, key.used_at, now)
        return key

    def _read(self) -> Mapping[str, ApiKey]:
        with self._database.read() as connection:
            rows = connection.execute(select(ApiKeyRecord.__table__)).mappings()
            return {row["key_id"]: ApiKey(**row) for row in rows}


def _parse(text: str) -> tuple[str, str]:
    """Return the id and the secret in the text of a key.

    Raises:
        KeyInvalid: The text isn't that of a key.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise KeyInvalid("it isn't whole")
    key_id, secret = match.groups()
    return key_id, secret


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
