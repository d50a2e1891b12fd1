"""The limits of clients whose requests the edge answers itself."""

from collections.abc import Mapping
from typing import Any, Final

from app.access.limits.limiter import Limiter, Meter
from app.access.limits.quick_limiter import QuickLimiter
from app.api.addresses import client_address
from app.api.limits import METER, subject_of

_MAX_ADDRESS_CHARS: Final = 64
_FORWARDED_FOR: Final = b"x-forwarded-for"


class Meters:
    """Makes the meters of requests.

    Attributes:
        are_on: Whether any limit is set.
    """

    def __init__(self, limiter: Limiter, trusted_proxies: int) -> None:
        """Prepare to make meters.

        Args:
            limiter: Has the buckets of all clients.
            trusted_proxies: The number of proxies that each add their client's address.
        """
        self.are_on = bool(limiter.policies)
        self._limiter = limiter
        self._quick = QuickLimiter(limiter, subject_of)
        self._trusted_proxies = trusted_proxies

    def make(self, scope: Mapping[str, Any]) -> Meter:
        """Return a new meter for a request, which Flask uses too if it answers the request."""
        meter = Meter(self._limiter, subject_of(self._address_of(scope)))
        scope["state"][METER] = meter
        return meter

    def take_submission(self, scope: Mapping[str, Any], size_bytes: int) -> Meter | None:
        """Take what a submission takes, and return its meter if its client is near a limit.

        Args:
            scope: The scope of the request.
            size_bytes: The size of the submission.

        Raises:
            RateLimited: The client has sent too much.
        """
        if self._quick.take(self._address_of(scope), size_bytes):
            return None
        meter = self.make(scope)
        meter.take({"submissions": 1, "rows": 1, "bytes": size_bytes})
        return meter

    def network_of(self, scope: Mapping[str, Any]) -> str:
        """Return the name of the network that a request comes from."""
        return subject_of(self._address_of(scope)).value

    def _address_of(self, scope: Mapping[str, Any]) -> str | None:
        peer = scope["client"]
        address: str | None = peer[0] if peer else None
        if self._trusted_proxies:
            values = [value for name, value in scope["headers"] if name == _FORWARDED_FOR]
            forwarded_for = b",".join(values).decode("latin-1")
            address = client_address(address, forwarded_for, self._trusted_proxies)
            # Whoever has bypassed the proxies may send anything as an address.
            address = address and address[:_MAX_ADDRESS_CHARS]
        return address
