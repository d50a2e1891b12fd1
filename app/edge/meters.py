"""The limits of clients on the event loop."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from app.access.limits.limiter import Meter
from app.access.limits.quick_limiter import QuickLimiter
from app.access.permissions.keys import ApiKey
from app.api.access import api_key_in
from app.api.addresses import client_address
from app.api.limits import METER, client_of, limit_of, network_at
from app.edge.requests import Request
from app.services import Services

_MAX_ADDRESS_CHARS: Final = 64
_FORWARDED_FOR: Final = b"x-forwarded-for"


class Meters:
    """Makes the meters of requests.

    Attributes:
        are_on: Whether any limit is set for those who send without an API key.
    """

    def __init__(self, services: Services) -> None:
        """Prepare to make meters.

        Args:
            services: The services, which have the limits, the buckets and the keys.
        """
        self.are_on = services.access.clients.are_limited
        self._clients = services.access.clients
        self._limiter = services.access.limiter
        self._trusted_proxies = services.settings.trusted_proxies
        self._quick = QuickLimiter(self._limiter, partial(client_of, self._clients, key=None))

    def make(self, scope: Mapping[str, Any], key: ApiKey | None = None) -> Meter:
        """Return a new meter for a request, which Flask uses too if it answers the request.

        Args:
            scope: The scope of the request.
            key: The valid API key of the request; None without one.
        """
        client = client_of(self._clients, self._address_of(scope), key)
        meter = scope["state"][METER] = Meter(self._limiter, client)
        return meter

    def take_submission(
        self, scope: Mapping[str, Any], contributor_id: str | None, size_bytes: int
    ) -> Meter | None:
        """Take what a submission takes, and return its meter if its client is near a limit.

        Args:
            scope: The scope of the request, which has no API key.
            contributor_id: The contributor; None for an anonymous one.
            size_bytes: The size of the submission.

        Raises:
            RateLimited: The client or the contributor has sent too much.
        """
        if self._quick.take(self._address_of(scope), contributor_id, size_bytes):
            return None
        meter = self.make(scope)
        meter.take({"submissions": 1, "rows": 1, "bytes": size_bytes})
        meter.take_contribution(contributor_id, size_bytes)
        return meter

    def admit(self, request: Request) -> None:
        """Take what a request takes that Flask answers, unless Flask has to look up its key.

        Raises:
            RateLimited: The client has asked too much.
        """
        authorization = request.header(b"authorization")
        if not self.are_on or api_key_in(authorization) is not None:
            return
        limit = limit_of(request.method, request.path, request.header(b"accept"))
        if limit is not None:
            self.make(request.scope).take({limit: 1})

    def network_of(self, scope: Mapping[str, Any]) -> str:
        """Return the name of the network that a request comes from."""
        return network_at(self._address_of(scope))

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
