"""What the callers of one address may have: whose an address is, and how many there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.gateway.addresses import Addresses, origin

pytestmark = pytest.mark.anybody


@pytest.mark.parametrize(
    ("peer", "whose"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.7:51000", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", None),
        ("127.8.9.10", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        # A Unix socket's; what a proxy does not know.
        ("", None),
        ("unknown", None),
        ("\0", None),
    ],
)
def test_an_address_is_whoever_can_be_behind_it(peer: str, whose: str | None) -> None:
    assert origin(peer) == whose


@given(st.text())
def test_whatever_a_proxy_tells_is_an_address_or_none(peer: str) -> None:
    found = origin(peer)
    assert found is None or len(found) <= 43


def test_each_address_may_have_so_much_and_what_left_counts_no_more() -> None:
    addresses: Addresses[int] = Addresses(2)
    addresses.take("10.0.0.1", 1)
    assert addresses.full("10.0.0.1") is None
    addresses.take("10.0.0.1", 2)
    full = addresses.full("10.0.0.1")
    assert full is not None
    assert (full.origin, full.holders) == ("10.0.0.1", {1, 2})
    assert addresses.full("10.0.0.2") is None
    addresses.leave(1)
    addresses.leave(1)
    assert addresses.full("10.0.0.1") is None
    addresses.leave(2)
    addresses.leave(3)


@pytest.mark.parametrize("addresses", [Addresses(0), Addresses(1, lambda _: None)], ids=["no limit", "exempt"])
def test_without_a_limit_nobody_is_counted(addresses: Addresses[int]) -> None:
    for holder in range(10):
        addresses.take("10.0.0.1", holder)
    assert addresses.full("10.0.0.1") is None


def test_nothing_is_kept_of_an_address_that_has_nothing() -> None:
    addresses: Addresses[int] = Addresses(1)
    for number in range(1000):
        peer = f"10.0.{number // 256}.{number % 256}"
        addresses.take(peer, number)
        first = addresses.full(peer)
        addresses.leave(number)
        addresses.take(peer, -1)
        # It is told anew, as nobody remembers it.
        assert addresses.full(peer) is not first
        addresses.leave(-1)
