"""Ways out as they are planned: what is refused, and before what."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.sandbox import nftables, user_network
from lamina.sandbox.network import MODES, RESOLVER, WAY_OUT, Uplink, plan_router, resolver_configuration


def test_a_table_is_one_batch_that_the_kernel_answers_once_for_each_table_chain_and_rule() -> None:
    chain = nftables.Chain("input", 0, [nftables.drop(), [*nftables.coming_in_by("lo"), *nftables.accept()]])
    batch = nftables.table("t", [chain, chain], owned=True)
    assert batch.answers == 1 + 2 * (1 + 2)
    # Begins and ends as a batch: NFNL_MSG_BATCH_BEGIN and _END.
    assert (batch.data[4], batch.data[-16]) == (16, 17)


def test_an_interface_is_compared_whole_or_by_how_it_begins() -> None:
    whole, start = nftables.coming_in_by("eth0")[1], nftables.coming_in_by("lm*")[1]
    assert b"eth0" + bytes(12) in whole
    assert b"lm*" not in start
    assert b"lm\0\0\0" not in start[:-2]


def test_what_is_refused_is_refused_before_anything_is_let_out() -> None:
    filters = plan_router(None, WAY_OUT, ["198.51.100.7/32"]).filters.data
    forward = filters[filters.index(b"forward-1") :]
    order = [forward.index(mark) for mark in (bytes([169, 254, 0, 0]), bytes([198, 51, 100, 7]), b"connlimit")]
    assert order == sorted(order)
    # First what each environment may have, then all of them.
    assert forward.index(b"dynset") < forward.rindex(b"connlimit")


def test_every_environment_has_a_share_of_the_resolver_and_of_connections() -> None:
    filters = plan_router(None, WAY_OUT).filters.data
    first, last = filters.index(b"input-0"), filters.rindex(b"postrouting")
    assert filters[:first].count(b"connected") == filters[:first].count(b"asking") == 1
    assert first < filters.index(b"asking\0", first) < filters.index(b"connected\0", first) < last


def test_a_router_tells_the_guest_what_it_is_to_do() -> None:
    message = plan_router(Uplink("lmabc1", "169.254.112.1", "169.254.112.2"), WAY_OUT).message()
    assert message["uplink"] == ["lmabc1", "169.254.112.1", "169.254.112.2", 30]
    assert message["resolver"] == RESOLVER


def test_names_are_asked_of_the_router_of_nobody_or_of_whom_the_host_asks() -> None:
    told = [resolver_configuration(mode, "nameserver 9.9.9.9\n") for mode in MODES]
    assert told == [f"nameserver {RESOLVER}\n", "", "nameserver 9.9.9.9\n"]


@pytest.mark.parametrize("helper", ["pasta", "slirp4netns"])
def test_a_helper_opens_nothing_towards_the_host_and_ends_with_its_standard_input(helper: str) -> None:
    command = user_network.command(Path("/usr/bin", helper), 123, 7)
    assert command[:2] == ["/bin/sh", "-c"]
    assert "read" in command[2]
    closed = {"pasta": ["--no-map-gw", "-T", "none"], "slirp4netns": ["--disable-host-loopback"]}[helper]
    assert set(closed) <= set(command)
    assert "123" in command
