"""The network that a request comes from, for limits per client."""

from ipaddress import IPv6Address, ip_address
from typing import Final

from werkzeug.http import parse_list_header

_IPV6_HOST_BITS: Final = 64
"""The last bits of an IPv6 address, which its holder chooses at will: RFC 7421."""


def network_of(address: str | None) -> str:
    """Return the name of a client's network: its IPv4 address, or its IPv6 address's /64 network.

    Args:
        address: The client's address, from the server or a proxy; None when it isn't known. All
            clients without a valid address count as one client, whose network is "".
    """
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        # A socket for both kinds of addresses reports IPv4 addresses in this form.
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS))


def client_address(peer: str | None, forwarded_for: str, trusted_proxies: int) -> str | None:
    """Return the address of a client behind proxies, as Werkzeug's `ProxyFix` finds it.

    Args:
        peer: The address that the connection comes from.
        forwarded_for: The value of `X-Forwarded-For`.
        trusted_proxies: The number of proxies that each added the address of their client.
    """
    addresses = parse_list_header(forwarded_for) if forwarded_for else []
    # With fewer addresses, the request has bypassed one of the proxies.
    return addresses[-trusted_proxies] if len(addresses) >= trusted_proxies > 0 else peer
