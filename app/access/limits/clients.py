"""Clients, and the limits of each: an address, an API key, and contributors.

A request with an API key counts for the key and not for its address, because many may send from one
address. A conversation also counts for its contributor. Contributors are made freely, so their
limits only add to those of the address or key.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from app.access.limits.bucket_table import Subject
from app.access.limits.key_limits import AT_ONCE
from app.access.limits.policies import PREFIXES, Policy, limits_in, policies_of
from app.access.permissions.keys import ApiKey
from app.settings import Settings

_REMEMBERED_KEYS: Final = 256
_OF_CONTRIBUTORS: Final = PREFIXES["contributor"]


class Client(NamedTuple):
    """Who sends a request, and what limits hold for it.

    Attributes:
        subject: The address or API key.
        policies: The limits of the client itself.
        contributor_policies: The limits of each contributor whose conversations it sends.
        reads_at_once: Reads of the lake that a machine runs at once for it; 0 for no limit.
    """

    subject: Subject
    policies: Sequence[Policy]
    contributor_policies: Sequence[Policy]
    reads_at_once: int


class Clients:
    """Knows the limits of every client.

    Attributes:
        are_limited: Whether those who send without an API key have any limit per minute or day.
    """

    def __init__(self, settings: Settings) -> None:
        """Read the limits that the settings set."""
        self._burst_s = settings.limit_burst_s
        self._addresses = policies_of(limits_in(settings, "address"), self._burst_s, "address")
        self._keys = limits_in(settings, "key") | {AT_ONCE: settings.key_reads_at_once}
        self._contributors = limits_in(settings, "contributor")
        self._contributor_policies = policies_of(self._contributors, self._burst_s, "contributor")
        self._at_once = settings.reads_at_once
        self.are_limited = bool(self._addresses or self._contributor_policies)
        # The policies of a key are the same objects at each request, as long as its limits are.
        self._of_key = lru_cache(_REMEMBERED_KEYS)(self._policies_of_key)

    def at(self, network: str) -> Client:
        """Return the client that sends from a network without an API key."""
        subject = Subject("address", network)
        return Client(subject, self._addresses, self._contributor_policies, self._at_once)

    def with_key(self, key: ApiKey) -> Client:
        """Return the client that sends with an API key."""
        own = tuple(sorted(key.limits.items()))
        return Client(Subject("key", key.key_id), *self._of_key(own))

    def _policies_of_key(
        self, own: Sequence[tuple[str, int]]
    ) -> tuple[Sequence[Policy], Sequence[Policy], int]:
        """Return the limits of a key, and of contributors whose conversations come with it.

        Args:
            own: The key's own limits, as `app.access.limits.key_limits` has them.
        """
        values = self._keys | dict(own)
        of_contributors: Mapping[str, int] = self._contributors | {
            name.removeprefix(_OF_CONTRIBUTORS): value
            for name, value in own
            if name.startswith(_OF_CONTRIBUTORS)
        }
        return (
            policies_of(values, self._burst_s, "key"),
            policies_of(of_contributors, self._burst_s, "contributor"),
            values[AT_ONCE],
        )
