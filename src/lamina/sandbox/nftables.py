"""Packet filters of nf_tables as the kernel takes them: pure, from rules to one batch of netlink messages.

Only what `lamina.sandbox.network` says is spoken here. Layout: include/uapi/linux/netfilter/nf_tables.h; numbers are
big-endian, but for what a register holds in the machine's own order.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lamina.guest.netlink import attribute, nested

_IPV4: Final = 2
_SUBSYSTEM: Final = 10
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEWTABLE, _NEWCHAIN, _NEWRULE, _NEWSET = 0, 3, 6, 9
# NLM_F_CREATE and NLM_F_APPEND: without the latter a rule goes before those there are.
_CREATE: Final = 0x400 | 0x800
_REQUEST, _ACK = 1, 4
_OWNER: Final = 2
_HOOKS: Final = {"prerouting": 0, "input": 1, "forward": 2, "postrouting": 4}
_META: Final = {"iifname": 6, "oifname": 7, "l4proto": 16}
_DROP, _ACCEPT = 0, 1
_ESTABLISHED_OR_RELATED, _NEW = 2 | 4, 8
_DNAT: Final = 1 << 5
_NAME_BYTES: Final = 16
# Of a set: its elements carry expressions, and are forgotten after a time.
_EVALUATED, _TIMED = 0x20, 0x10
_UPDATE: Final = 1
_SENDERS_MAX: Final = 65_535
# Of all that ICMP has for it, what Linux both reports as ENETUNREACH and does not take for a passing trouble.
_NETWORK_PROHIBITED: Final = 9

Expression = bytes
Hook = Literal["prerouting", "input", "forward", "postrouting"]


@dataclass(frozen=True, slots=True)
class Chain:
    """Where packets meet *rules*, each a sequence of expressions; *accepts* those that none of them settles."""

    hook: Hook
    priority: int
    rules: Sequence[Sequence[Expression]]
    accepts: bool = True
    kind: Literal["filter", "nat"] = "filter"


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that make a table, all or none, and how often the kernel answers them."""

    data: bytes
    answers: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What every sender is held to by itself, as if *beyond* stood there for each address alone.

    Who has not been heard of for *forgotten_ms* begins anew; None where what is counted comes to an end by itself.
    """

    name: str
    beyond: Expression
    forgotten_ms: int | None = None


def table(name: str, chains: Sequence[Chain], *, owned: bool, tallies: Sequence[Tally] = ()) -> Batch:
    """The table *name* of IPv4 with *chains* and the *tallies* that their rules speak of.

    An *owned* one goes with the socket that its messages came by.
    """
    flags = _number(2, _OWNER) if owned else b""
    messages = [_message(_NEWTABLE, _text(1, name) + flags)]
    messages += [_message(_NEWSET, _text(1, name), *_senders(number, tally)) for number, tally in enumerate(tallies, 1)]
    for number, chain in enumerate(chains):
        called = f"{chain.hook}-{number}"
        hook = nested(4, _number(1, _HOOKS[chain.hook]), attribute(2, struct.pack("!i", chain.priority)))
        policy = _number(5, _ACCEPT if chain.accepts else _DROP)
        messages.append(_message(_NEWCHAIN, _text(1, name), _text(3, called), hook, policy, _text(7, chain.kind)))
        messages += [
            _message(_NEWRULE, _text(1, name), _text(2, called), nested(4, *(nested(1, part) for part in rule)))
            for rule in chain.rules
        ]
    edges = [struct.pack("=IHHIIBBH", 20, kind, _REQUEST, 0, 0, 0, 0, 0x0A00) for kind in (_BATCH_BEGIN, _BATCH_END)]
    return Batch(b"".join((edges[0], *messages, edges[1])), len(messages))


def coming_in_by(name: str) -> list[Expression]:
    """Packets of the interface *name*, or of every one that begins so where it ends with a star."""
    return _interface("iifname", name)


def going_out_by(name: str) -> list[Expression]:
    return _interface("oifname", name)


def to(network: str) -> list[Expression]:
    return _address(16, network)


def of(network: str) -> list[Expression]:
    return _address(12, network)


def to_this_machine() -> list[Expression]:
    """Packets for any address of this namespace's own, whatever interface has it."""
    local = struct.pack("=I", 2)
    return [_expression("fib", _number(1, 1), _number(2, 3), _number(3, 2)), _compare(local)]


def to_port(protocol: int, port: int) -> list[Expression]:
    """Packets of an IP *protocol* that has ports (6 TCP, 17 UDP)."""
    return [
        _meta("l4proto"),
        _compare(bytes([protocol])),
        _expression("payload", _number(1, 1), _number(2, 2), _number(3, 2), _number(4, 2)),
        _compare(struct.pack("!H", port)),
    ]


def answers() -> list[Expression]:
    """Packets of connections that were let through before."""
    return _connection(0, _ESTABLISHED_OR_RELATED, any_of=True)


def beginnings() -> list[Expression]:
    """The first packet of a connection."""
    return _connection(0, _NEW, any_of=True)


def not_redirected() -> list[Expression]:
    """Packets whose destination nobody has changed."""
    return _connection(2, _DNAT, any_of=False)


def connections_beyond(count: int) -> Expression:
    """Packets of connections above *count* at the same time."""
    return _expression("connlimit", _number(1, count), _number(2, 1))


def packets_beyond(per_second: int) -> Expression:
    """Packets that come faster than that, once as many have come at once."""
    rate = attribute(1, struct.pack("!Q", per_second)) + attribute(2, struct.pack("!Q", 1))
    return _expression("limit", rate, _number(3, per_second), _number(4, 0), _number(5, 1))


def of_senders(tally: Tally) -> list[Expression]:
    """Packets of those who are beyond what *tally* allows each of them."""
    load = _expression("payload", _number(1, 1), _number(2, 1), _number(3, 12), _number(4, 4))
    counted = _expression("dynset", _text(1, tally.name), _number(3, _UPDATE), _number(4, 1), nested(7, tally.beyond))
    return [load, counted]


def accept() -> list[Expression]:
    return _verdict(_ACCEPT)


def drop() -> list[Expression]:
    return _verdict(_DROP)


def refuse() -> list[Expression]:
    """Have the sender told at once that there is no way there: ENETUNREACH, of datagrams too."""
    return [_expression("reject", _number(1, 0), attribute(2, bytes([_NETWORK_PROHIBITED])))]


def masquerade() -> list[Expression]:
    return [_expression("masq")]


def _senders(number: int, tally: Tally) -> list[bytes]:
    """A set of IPv4 addresses. *number* is what it is called within the batch."""
    flags, timeout = _EVALUATED, b""
    if tally.forgotten_ms is not None:
        flags, timeout = flags | _TIMED, attribute(11, struct.pack("!Q", tally.forgotten_ms))
    size = nested(9, _number(1, _SENDERS_MAX))
    return [_text(2, tally.name), _number(3, flags), _number(4, 7), _number(5, 4), size, _number(10, number), timeout]


def _interface(key: str, name: str) -> list[Expression]:
    whole = name.encode().ljust(_NAME_BYTES, b"\0")
    return [_meta(key), _compare(name[:-1].encode() if name.endswith("*") else whole)]


def _address(offset: int, network: str) -> list[Expression]:
    parsed = ipaddress.IPv4Network(network)
    load = _expression("payload", _number(1, 1), _number(2, 1), _number(3, offset), _number(4, 4))
    return [load, _mask(parsed.netmask.packed), _compare(parsed.network_address.packed)]


def _connection(key: int, bits: int, *, any_of: bool) -> list[Expression]:
    load = _expression("ct", _number(1, 1), _number(2, key))
    return [load, _mask(struct.pack("=I", bits)), _compare(bytes(4), equal=not any_of)]


def _meta(key: str) -> Expression:
    return _expression("meta", _number(1, 1), _number(2, _META[key]))


def _mask(bits: bytes) -> Expression:
    nothing = nested(5, attribute(1, bytes(len(bits))))
    return _expression(
        "bitwise", _number(1, 1), _number(2, 1), _number(3, len(bits)), nested(4, attribute(1, bits)), nothing
    )


def _compare(value: bytes, *, equal: bool = True) -> Expression:
    return _expression("cmp", _number(1, 1), _number(2, 0 if equal else 1), nested(3, attribute(1, value)))


def _verdict(code: int) -> list[Expression]:
    return [_expression("immediate", _number(1, 0), nested(2, nested(2, _number(1, code))))]


def _expression(name: str, *attributes: bytes) -> Expression:
    return _text(1, name) + nested(2, *attributes)


def _message(kind: int, *attributes: bytes) -> bytes:
    body = struct.pack("=BBH", _IPV4, 0, 0) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), _SUBSYSTEM << 8 | kind, _REQUEST | _ACK | _CREATE, 0, 0) + body


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!I", value))


def _text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")
