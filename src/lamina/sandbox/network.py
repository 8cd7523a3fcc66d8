"""What lies between environments and the outside, decided here: addresses, and the filters on the way.

Each zygote's network namespace is the router of its environments. An environment has an address of its own and no way
but through the router; the router has one way out, an uplink, behind which the host (root), or pasta or slirp4netns
(an ordinary user), translates addresses once more. All addresses are link-local, as on AWS: no network that a function
may want to reach has them, and none of the host's is shadowed. See docs/decisions/0010.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lamina.sandbox import nftables
from lamina.sandbox.nftables import Batch, Chain

Mode = Literal["outbound", "none", "host"]
MODES: Final[tuple[Mode, ...]] = ("outbound", "none", "host")

# Where environments ask for names; the address is AWS's.
RESOLVER: Final = "169.254.78.1"
UPLINKS: Final = "169.254.112.0/20"
_LINK_LOCAL: Final = "169.254.0.0/16"
# What one environment may have open, as many as the files it may have on AWS; and one runtime's environments together,
# so that they can't fill the host's table of connections.
_CONNECTIONS_EACH: Final = 1024
_CONNECTIONS_MAX: Final = 65_536
# What AWS's resolver takes from one network interface.
_QUESTIONS_PER_SECOND: Final = 1024
_RAW, _FILTER, _SOURCE_NAT = -150, 0, 100
_TCP, _UDP = 6, 17
# What the uplink is called in the router.
WAY_OUT: Final = "uplink"


@dataclass(frozen=True, slots=True)
class Uplink:
    """A pair of interfaces between the host and a router: its name on the host, and both ends' addresses."""

    name: str
    host_address: str
    address: str
    prefix: int = 30


@dataclass(frozen=True, slots=True)
class Router:
    """A zygote's network namespace as the way out; without an uplink of its own, one is brought to it later."""

    uplink: Uplink | None
    filters: Batch
    resolver: str = RESOLVER

    def message(self) -> dict[str, object]:
        """For `lamina.guest.router`."""
        uplink = self.uplink
        return {
            "uplink": None if uplink is None else [uplink.name, uplink.host_address, uplink.address, uplink.prefix],
            "filters": base64.b64encode(self.filters.data).decode(),
            "answers": self.filters.answers,
            "resolver": self.resolver,
        }


def plan_router(uplink: Uplink | None, way_out: str, beyond_reach: Sequence[str] = ()) -> Router:
    """A router whose way out is the interface *way_out*; *beyond_reach* are further networks it refuses.

    Environments reach the resolver's port and what lies behind the uplink, not one another, nor any link-local address.
    """
    nf = nftables
    out, back = nf.going_out_by(way_out), nf.coming_in_by(way_out)
    connected = nf.Tally("connected", nf.connections_beyond(_CONNECTIONS_EACH))
    asking = nf.Tally("asking", nf.packets_beyond(_QUESTIONS_PER_SECOND), forgotten_ms=60_000)
    refused = [[*nf.to(network), *nf.refuse()] for network in (_LINK_LOCAL, *beyond_reach)]
    chains = [
        Chain(
            "input",
            _FILTER,
            [
                [*back, *nf.answers(), *nf.accept()],
                [*back, *nf.drop()],
                [*nf.coming_in_by("lo"), *nf.accept()],
                [*nf.to(f"{RESOLVER}/32"), *nf.of_senders(asking), *nf.drop()],
                [*nf.to(f"{RESOLVER}/32"), *nf.to_port(_UDP, 53), *nf.accept()],
                [*nf.to(f"{RESOLVER}/32"), *nf.to_port(_TCP, 53), *nf.accept()],
                nf.refuse(),
            ],
            accepts=False,
        ),
        Chain(
            "forward",
            _FILTER,
            [
                [*nf.answers(), *nf.accept()],
                [*back, *nf.drop()],
                *refused,
                [*out, *nf.of_senders(connected), *nf.refuse()],
                [*out, nf.connections_beyond(_CONNECTIONS_MAX), *nf.refuse()],
                [*out, *nf.accept()],
                nf.refuse(),
            ],
            accepts=False,
        ),
        Chain("postrouting", _SOURCE_NAT, [[*out, *nf.masquerade()]], kind="nat"),
    ]
    return Router(uplink, nf.table("lamina", chains, owned=False, tallies=(connected, asking)))


def plan_host(table: str, uplinks: str, guarded: Sequence[str]) -> Batch:
    """The host's table: uplinks (named by a pattern such as "lm1a2b3c*") reach what lies beyond the host, not the host.

    *guarded* are interfaces that forward only because of us: nothing but answers may come in by them and go on.
    """
    nf = nftables
    inner, outer = nf.coming_in_by(uplinks), nf.going_out_by(uplinks)
    every = nf.going_out_by("lm*")
    chains = [
        # Before destinations are changed: a port of a container that the host publishes is the host's too.
        Chain(
            "prerouting",
            _RAW,
            [[*inner, *nf.to_this_machine(), *nf.refuse()], [*inner, *nf.to(_LINK_LOCAL), *nf.refuse()]],
        ),
        Chain("input", _FILTER, [[*inner, *nf.drop()]]),
        Chain(
            "forward",
            _FILTER,
            [
                [*inner, *every, *nf.drop()],
                [*inner, *nf.accept()],
                [*outer, *nf.answers(), *nf.accept()],
                [*outer, *nf.drop()],
                *([*nf.coming_in_by(name), *nf.beginnings(), *nf.not_redirected(), *nf.drop()] for name in guarded),
            ],
        ),
        Chain("postrouting", _SOURCE_NAT, [[*nf.of(UPLINKS), *nf.masquerade()]], kind="nat"),
    ]
    return nf.table(table, chains, owned=True)


def resolver_configuration(mode: Mode, hosts: str) -> str:
    """What stands in an environment's /etc/resolv.conf, where the host's says *hosts*."""
    return {"outbound": f"nameserver {RESOLVER}\n", "none": "", "host": hosts}[mode]
