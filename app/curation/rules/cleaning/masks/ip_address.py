"""IP addresses of version 4 and 6 that name someone's machine.

Masked are addresses of the public Internet. Not masked are loopback, private, link-local, shared,
unspecified, multicast and reserved addresses, those for documentation, those of public name
servers, and networks (version 4 with a last number of 0): they are the same for everyone, and
programs depend on them. Nor are four numbers that are more likely a version. docs/decisions/0022
has the reasons.

Sources: RFC 6890 and IANA's registries of special addresses, in Python's `ipaddress`; RFC 5737,
RFC 3849 and RFC 9637 for documentation; RFC 4291, section 2.2, for the form.
"""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from app.curation.rules.cleaning.masks.mask import DIGIT, FOUR_DIGITS, Form, Mask, Span

_V4: Final = re.compile(
    r"(?<![\w.+~^])(?<!\d,)(?<![A-Za-z]-)(?<![A-Za-z0-9]/)"
    r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.\w|[-+~_][A-Za-z])",
    re.ASCII,
)
_V6: Final = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,36}(?![\w:]|\.\d)", re.ASCII)
_VERSION: Final = re.compile(
    # A word after which numbers with dots are no addresses, and more such numbers after it.
    r"(?:(?<![^\W_])(?:versions?|ver|v|rev|revisions?|releases?|builds?|firmware|driver|patch|"
    r"since|updates?|upgraded?|downgraded?|sections?|sec|chapters?|clauses?|articles?|paragraphs?|"
    r"figures?|fig|tables?|steps?|exercises?|appendix|oid|assemblyversion|fileversion|"
    r"版本|версии|версия|versión|versão|versione|wersja|kapitel|abschnitt)"
    r"(?: (?:to|from|number|no|is|was))*|[§=<>~!]=|[§^~])"
    r"[\"'\s.:=#(v_]{0,8}(?:v?[0-9]+(?:\.[0-9]+)*[\"']?\s*"
    r"(?:(?:,|and|or|to|through|und|y|->|→|-|\u2013)\s*)+(?:version |v)?)*[\"']?\Z",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(
    r"(?<![^\W_])(?:ips?|ipv4|address(?:es)?|addr|hosts?|servers?|dns|nameservers?|resolvers?|ping|"
    r"traceroute|nslookup|dig|whois|curl|ssh|adresse|dirección|адрес|地址)(?![^\W_])|://|@\Z",
    re.IGNORECASE,
)
_SMALL: Final = 32
"""Four numbers that are all below this are nearly always a version or an outline number: only one
address in 4,000 has such numbers."""
_BEFORE_LENGTH: Final = 64
"""Characters before an address that are searched for a word of `_VERSION` or `_ADDRESS`."""
_DOCUMENTATION: Final = ip_network("3fff::/20")
"""The one network for documentation that Python's `ipaddress` calls global."""
_WELL_KNOWN_ADDRESSES: Final = (
    "1.1.1.1 1.0.0.1 1.1.1.2 1.0.0.2 1.1.1.3 1.0.0.3 8.8.8.8 8.8.4.4 9.9.9.9 9.9.9.10 "
    "149.112.112.112 208.67.222.222 208.67.220.220 4.2.2.1 4.2.2.2 64.6.64.6 64.6.65.6 "
    "94.140.14.14 94.140.15.15 76.76.2.0 76.76.19.19 185.228.168.9 77.88.8.8 77.88.8.1 "
    "114.114.114.114 223.5.5.5 223.6.6.6 119.29.29.29 180.76.76.76 168.126.63.1 1.2.3.4 "
    "2001:4860:4860::8888 2001:4860:4860::8844 2606:4700:4700::1111 2606:4700:4700::1001 "
    "2620:fe::fe 2620:fe::9 2620:119:35::35 2620:119:53::53 2400:3200::1 2400:3200:baba::1 "
    "2a02:6b8::feed:ff"
)
_WELL_KNOWN: Final = frozenset(map(ip_address, _WELL_KNOWN_ADDRESSES.split()))
"""Public name servers, which instructions name, and 1.2.3.4, which stands for any address."""


def _version_4(text: str) -> Iterator[Span]:
    for match in _V4.finditer(text):
        before = text[max(match.start() - _BEFORE_LENGTH, 0) : match.start()]
        try:
            address = IPv4Address(match[0])
        except AddressValueError:
            continue
        if _names_a_machine(address) and _is_no_version(address, before):
            yield match.span()


def _version_6(text: str) -> Iterator[Span]:
    for match in _V6.finditer(text):
        # A single colon at the end is punctuation.
        written = match[0] if match[0].endswith("::") else match[0].removesuffix(":")
        try:
            address = IPv6Address(written)
        except AddressValueError:
            continue
        if _names_a_machine(address):
            yield match.start(), match.start() + len(written)


def _is_no_version(address: IPv4Address, before: str) -> bool:
    """Tell whether four numbers are an address and not a version, by the text before them."""
    numbers = address.packed
    if numbers[-1] == 0 or _VERSION.search(before):
        return False
    return max(numbers) >= _SMALL or _ADDRESS.search(before) is not None


def _names_a_machine(address: IPv4Address | IPv6Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and address not in _WELL_KNOWN
        and address not in _DOCUMENTATION
    )


MASK: Final = Mask(
    "ip_address",
    [
        Form((*FOUR_DIGITS, r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"), _version_4),
        Form(
            (
                DIGIT,
                r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]*:",
            ),
            _version_6,
        ),
    ],
)
