"""What is made up for a request: of AWS's shape, and never the same twice."""

from __future__ import annotations

import os
import re
import uuid

from lamina.invocations.identifiers import new_request_id, new_trace


def test_a_request_id_is_a_random_uuid() -> None:
    made = [new_request_id() for _ in range(2000)]
    assert len(set(made)) == len(made)
    for text in made:
        read = uuid.UUID(text)
        assert (str(read), read.version, read.variant) == (text, 4, uuid.RFC_4122)


def test_all_variants_come_up() -> None:
    assert {new_request_id()[19] for _ in range(1000)} == set("89ab")


def test_a_trace_is_awss_header() -> None:
    shape = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0")
    made = [new_trace() for _ in range(1000)]
    assert all(map(shape.fullmatch, made))
    assert len(set(made)) == len(made)


def test_a_fork_makes_up_others() -> None:
    new_request_id()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_request_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as told:
        assert told.read() != new_request_id()
