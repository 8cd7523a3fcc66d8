"""Activations whose outcome cannot be recorded at first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from sqlalchemy.exc import OperationalError

from lamina.catalog.port import Transaction
from lamina.operations import activations

from .house import CODE, ROLE, House

pytestmark = pytest.mark.anybody

PATIENCE_S = 30


def test_a_function_is_activated_though_the_disk_failed_when_it_was_ready(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, tries, again = house.catalog.writing, count(1), threading.Event()

    @contextmanager
    def fails_once() -> Iterator[Transaction]:
        activates = threading.current_thread().name.startswith("activation")
        if activates and next(tries) == 1:
            raise OperationalError("COMMIT", None, OSError("disk I/O error"))
        with writing() as transaction:
            yield transaction
        if activates:
            again.set()

    monkeypatch.setattr(activations, "RETRY_S", 0.01)
    monkeypatch.setattr(house.catalog, "writing", fails_once)
    house.call(
        "CreateFunction", FunctionName="f", Runtime="python3.12", Handler="app.handler",
        Role=ROLE, Code={"ZipFile": CODE},
    )  # fmt: skip
    assert again.wait(PATIENCE_S)
    assert house.call("GetFunctionConfiguration", FunctionName="f")["State"] == "Active"
