"""Filters and routers, made in network namespaces of their own by the kernel itself."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

from lamina.sandbox.network import WAY_OUT, plan_host, plan_router

pytestmark = pytest.mark.root

_IN_A_NAMESPACE = """
import base64, json, os, socket, sys
from lamina.guest import netlink, network, router, syscalls
from lamina.guest.netlink import Netlink

plan = json.load(sys.stdin)
outside = Netlink()
syscalls.unshare(syscalls.CLONE_NEWNET)
"""


def run(program: str, plan: str) -> str:
    """What *program* prints in a namespace of its own."""
    command = [sys.executable, "-c", _IN_A_NAMESPACE + program]
    done = subprocess.run(command, input=plan, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_kernel_takes_the_hosts_table_and_it_goes_with_its_socket() -> None:
    batch = plan_host("lamina-test", "lmtest*", ["eth0"])
    twice = """
for _ in range(2):
    # Were the table still there, it would not be ours to add to.
    filters = Netlink(netlink.NETFILTER)
    filters.do_together(base64.b64decode(plan["data"]), plan["answers"])
    filters.close()
print("taken")
"""
    told = {"data": base64.b64encode(batch.data).decode(), "answers": batch.answers}
    assert run(twice, json.dumps(told)) == "taken\n"


def test_environments_of_a_router_have_addresses_of_their_own_though_numbers_come_again() -> None:
    pairs = """
router.set_up(plan, outside)
own = os.open("/proc/self/ns/net", os.O_RDONLY)
seen, living = [], []
for number in (5, 5, 6, 5 + 61):
    listeners = network.enter("outbound", number, plan["resolver"])
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.connect(("192.0.2.1", 9))
        seen.append(asking.getsockname()[0])
    # A namespace lives as long as a socket of it.
    living.append(listeners)
    syscalls.setns(own, syscalls.CLONE_NEWNET)
print(json.dumps(seen))
"""
    told = run(pairs, json.dumps(plan_router(None, WAY_OUT).message()))
    assert len(set(json.loads(told))) == 4


def test_who_floods_the_resolver_keeps_nobody_else_from_asking() -> None:
    flood = """
router.set_up(plan, outside)
own = os.open("/proc/self/ns/net", os.O_RDONLY)
datagrams, listener = router.open_resolver(plan["resolver"])
datagrams.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
living, asking = [], []
for number in (1, 2):
    living.append(network.enter("outbound", number, plan["resolver"]))
    asking.append(socket.socket(type=socket.SOCK_DGRAM))
    # The first question waits until addresses are resolved, which takes a busy machine as long as it likes.
    asking[-1].sendto(b"?" * number, (plan["resolver"], 53))
    syscalls.setns(own, syscalls.CLONE_NEWNET)
    datagrams.recv(10)
for _ in range(300):
    for _ in range(20):
        asking[0].sendto(b"?", (plan["resolver"], 53))
    asking[1].sendto(b"??", (plan["resolver"], 53))
datagrams.settimeout(1)
heard = []
try:
    while True:
        heard.append(len(datagrams.recv(10)))
except TimeoutError:
    print(json.dumps([heard.count(1), heard.count(2)]))
"""
    flooding, other = json.loads(run(flood, json.dumps(plan_router(None, WAY_OUT).message())))
    # So many at once, and as many in each second that the flood takes.
    assert 1000 <= flooding < 5000
    # Datagrams get lost on a busy machine; out of one share for both, one of twenty-one that pass would be the other's.
    assert other > 150
