"""Whose request it is, for limits that each client has for itself."""

from ipaddress import IPv6Address, ip_address
from typing import Final

_IPV6_HOST_BITS: Final = 64
"""Bits of an IPv6 address that its holder chooses at will: RFC 7421."""


def network_of(address: str | None) -> str:
    """Return what stands for a client: its IPv4 address, or the /64 network of its IPv6 address.

    Args:
        address: The client's address, as the server or a proxy tells it. Without one that can be
            understood, all clients count as one.
    """
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        # So a socket for both kinds of addresses tells those of IPv4.
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS))
