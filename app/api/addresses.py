"""Where a request comes from: whose limits it takes from, and whom it counts as.

The holder of an IPv4 address has one of them, and the holder of an IPv6 network has all addresses
in it. Providers give a network of 56 bits to a household and one of 48 bits to an organisation
(RIPE-690, section 4.2; RFC 6177), and tunnels of 48 bits are free of charge. Which one
an address lies in can't be seen. So two questions have two answers:

- Limits count the smaller network, since nobody is to wait because of up to 255 neighbours.
- People are told apart by the larger one, since otherwise one could pass for 256 of them.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final

from werkzeug.http import parse_list_header

_IPV6_BITS: Final = 128
_CUSTOMER_BITS: Final = 56
_NETWORK_BITS: Final = 48


def customer_of(address: str | None) -> str:
    """Return the name of whose limits a client takes from: its IPv4 address, or its /56 network.

    Args:
        address: The client's address, from the server or a proxy; None when it isn't known. All
            clients without a valid address count as one client, whose name is "".
    """
    return _network(address, _CUSTOMER_BITS)


def network_of(address: str | None) -> str:
    """Return the name of the network by which people are told apart: IPv4 address, or /48 network.

    Args:
        address: The client's address, as of `customer_of`.
    """
    return _network(address, _NETWORK_BITS)


def _network(address: str | None, ipv6_bits: int) -> str:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        # A socket for both kinds of addresses reports IPv4 addresses in this form.
        return str(parsed.ipv4_mapped)
    host_bits = _IPV6_BITS - ipv6_bits
    return str(IPv6Address(int(parsed) >> host_bits << host_bits))


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
