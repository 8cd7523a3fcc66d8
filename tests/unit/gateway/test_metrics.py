"""Who may read the metrics."""

from __future__ import annotations

import pytest

from lamina.gateway.messages import Request
from lamina.gateway.metrics import may_read


def _asked(peer: str, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/_lamina/metrics", named, True, peer=peer)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_programs_on_this_machine_may(peer: str) -> None:
    assert may_read(_asked(peer), None)


@pytest.mark.parametrize("peer", ["10.0.0.7", "::ffff:10.0.0.7", "fe80::1", ""])
def test_without_a_token_nobody_else_may(peer: str) -> None:
    assert not may_read(_asked(peer), None)


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "via", "x_real_ip"])
def test_a_proxy_on_this_machine_asks_for_somebody_else(header: str) -> None:
    assert not may_read(_asked("127.0.0.1", **{header: "127.0.0.1"}), None)


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.7"])
def test_a_token_is_to_be_shown_by_everybody(peer: str) -> None:
    assert may_read(_asked(peer, authorization="Bearer word"), "word")
    assert may_read(_asked(peer, authorization="bearer  word "), "word")
    for shown in ("Bearer wor", "Bearer word2", "Basic word", "word", "Bearer", "Bearer \xff"):
        assert not may_read(_asked(peer, authorization=shown), "word")
    assert not may_read(_asked(peer), "word")
