"""What is believed of requests that come through proxies, and of whom."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from lamina.gateway.messages import Request
from lamina.gateway.proxies import Proxies

pytestmark = pytest.mark.anybody

PROXIES = Proxies([ip_network("10.0.0.0/8"), ip_network("::1/128")])
TOLD = {
    "host": "inner:4566",
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "api.example.com",
}


def seen(peer: str, **headers: str) -> tuple[str, str, str]:
    told = TOLD | {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request("GET", "/", told, keep_alive=True, peer=peer)
    found = PROXIES.seen_through(request)
    return found.peer, found.scheme, found.headers["host"]


@pytest.mark.parametrize("peer", ["10.1.2.3", "::1", "::ffff:10.1.2.3"])
def test_a_proxy_that_is_named_is_believed(peer: str) -> None:
    assert seen(peer) == ("203.0.113.9", "https", "api.example.com")


@pytest.mark.parametrize("peer", ["192.0.2.1", "127.0.0.1", "", "no address"])
def test_nobody_else_is(peer: str) -> None:
    assert seen(peer) == (peer, "http", "inner:4566")


@pytest.mark.parametrize(
    ("passed", "peer"),
    [
        # The one in front is what a client made up.
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.9", "203.0.113.9"),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("", "10.1.2.3"),
    ],
)
def test_the_client_is_the_last_that_is_no_proxy(passed: str, peer: str) -> None:
    assert seen("10.1.2.3", x_forwarded_for=passed)[0] == peer


def test_what_the_nearest_proxy_says_counts_and_a_scheme_that_is_none_does_not() -> None:
    assert seen("10.1.2.3", x_forwarded_proto="http, HTTPS")[1] == "https"
    assert seen("10.1.2.3", x_forwarded_proto="gopher")[1] == "http"
    assert seen("10.1.2.3", x_forwarded_host="made.up, real.example.com")[2] == "real.example.com"
    assert seen("10.1.2.3", x_forwarded_host="")[2] == "inner:4566"
