"""What the attempts to break out are made with, and what this machine and user say they hold functions with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lamina.sandbox import sessions
from tests.support.functions import Inside
from tests.support.server import Server

# Something of the server's own environment that no function may ever see.
SECRET = "correct-horse-battery-staple"


@dataclass(frozen=True)
class Means:
    """How functions are held here, as `lamina doctor` states it; where a substitute stands in, tests expect that."""

    control_groups: bool
    freezer: bool
    sized_tmp: bool
    weights: bool  # processor time goes by memory
    sessions: bool  # the kernel shares it among sessions


@pytest.fixture(scope="session")
def means() -> Means:
    told = subprocess.run(
        [sys.executable, "-m", "lamina", "doctor", "--json"], capture_output=True, text=True, timeout=60
    )
    states = {finding["name"]: finding["state"] for finding in json.loads(told.stdout)["findings"]}
    return Means(
        control_groups=states["control groups"] == "ok",
        freezer=states["control groups"] == "ok" and states.get("freezing", "ok") == "ok",
        sized_tmp=states["/tmp"] == "ok",
        weights=states["processor time"] == "ok",
        sessions=sessions.share_processors(),
    )


@pytest.fixture(scope="session")
def prison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that attempts are made on, shared by all of them."""
    with Server.started(tmp_path_factory.mktemp("prison") / "state", {"LAMINA_TEST_SECRET": SECRET}) as server:
        yield server


@pytest.fixture(scope="module")
def inside(prison: Server) -> Inside:
    """A prisoner: one function for a file's attempts, warm from one to the next."""
    return Inside.on(prison, Timeout=20)
