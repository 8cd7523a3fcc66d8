"""Servers for whole runs of the product."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.collector import Collector, collector
from tests.support.installs import install
from tests.support.server import Server


@pytest.fixture(scope="session")
def server_of_one_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A shared server with room for one environment, which tries a failed event again at once."""
    environ = {"LAMBDA_RETRY_BASE_DELAY": "0", "LAMINA_MAX_ENVIRONMENTS": "1"}
    with Server.started(tmp_path_factory.mktemp("one") / "state", environ) as server:
        yield server


@pytest.fixture(scope="session")
def server_with_installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A shared server whose state folder has nodejs24.x and java21 as `lamina runtimes install` leaves them."""
    state = tmp_path_factory.mktemp("installed") / "state"
    install(state, "nodejs24.x", "java21")
    with Server.started(state) as server:
        yield server


@pytest.fixture(scope="session")
def watched_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Collector]]:
    """A shared server that sends its spans to a collector, logs as JSON and shows its metrics for a token."""
    ours = {"LAMINA_LOG_FORMAT": "json", "LAMINA_LOG_LEVEL": "info", "LAMINA_METRICS_TOKEN": "a-word"}
    with (
        collector() as kept,
        Server.started(tmp_path_factory.mktemp("watched") / "state", ours | kept.environ) as server,
    ):
        yield server, kept
