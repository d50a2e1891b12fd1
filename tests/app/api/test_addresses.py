from collections.abc import Callable

import pytest
from flask import Flask, request

from app import create_app
from app.api.addresses import client_address, customer_of, network_of
from app.settings import Settings


@pytest.mark.parametrize(
    ("address", "customer", "network"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::", "2001:db8:1::"),
        ("2001:db8:1:ff::ffff", "2001:db8:1::", "2001:db8:1::"),
        ("2001:db8:1:100::ffff", "2001:db8:1:100::", "2001:db8:1::"),
        ("2001:db8:1:ffff::ffff", "2001:db8:1:ff00::", "2001:db8:1::"),
        ("2001:db8:2::ffff", "2001:db8:2::", "2001:db8:2::"),
        ("fe80::1%eth0", "fe80::", "fe80::"),
        ("::1", "::", "::"),
        # What some proxies send instead of an address. A port would make each connection a client.
        ("192.0.2.1:4711", "", ""),
        ("unknown", "", ""),
        ("", "", ""),
        (None, "", ""),
    ],
)
def test_an_ipv6_network_that_may_be_all_one_persons_counts_as_one(
    address: str | None, customer: str, network: str
) -> None:
    assert customer_of(address) == customer
    assert network_of(address) == network


def seen_address(
    settings: Settings, forwarded_for: str, open_route: Callable[[str], None]
) -> str | None:
    """Return the client's address that a view sees when 192.0.2.9 sends the header."""
    app: Flask = create_app(settings)
    open_route("/who")
    app.add_url_rule("/who", view_func=lambda: str(request.remote_addr))
    answer = app.test_client().get(
        "/who",
        headers={"X-Forwarded-For": forwarded_for},
        environ_overrides={"REMOTE_ADDR": "192.0.2.9"},
    )
    return answer.text


@pytest.mark.parametrize(
    ("trusted_proxies", "forwarded_for", "seen"),
    [
        (0, "198.51.100.1", "192.0.2.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.66, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.66, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        # Fewer addresses than proxies: the request has bypassed one of them.
        (2, "203.0.113.66", "192.0.2.9"),
        (1, "", "192.0.2.9"),
        (1, '"203.0.113.66, 10.0.0.1", "198.51.100.1"', "198.51.100.1"),
        (1, "198.51.100.1,", "198.51.100.1"),
    ],
)
def test_only_addresses_from_trusted_proxies_are_used(
    settings: Settings,
    open_route: Callable[[str], None],
    trusted_proxies: int,
    forwarded_for: str,
    seen: str,
) -> None:
    lake = Settings.at(settings.home, trusted_proxies=trusted_proxies)
    assert seen_address(lake, forwarded_for, open_route) == seen
    assert client_address("192.0.2.9", forwarded_for, trusted_proxies) == seen
