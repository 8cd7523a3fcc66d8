"""What every test may use, and the check at the end that the run left nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support import leaks, turns
from tests.support.server import Server

_BEFORE = pytest.StashKey[leaks.Traces]()
_LEFT = pytest.StashKey[list[str]]()

# Tests say what they mean by account, region and endpoint; what the developer's shell says must not matter.
_FOREIGN = ("AWS_", "LAMINA_", "LAMBDA_", "GATEWAY_PORT", "XDG_STATE_HOME")
_OURS = ("AWS_CA_BUNDLE", "LAMINA_BOTOCORE_SDIST", "LAMINA_INTERLEAVINGS", "LAMINA_KILLS", "LAMINA_TEST_CACHE")


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith(_FOREIGN) and name not in _OURS]:
        del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As shells start what they put into the background. Commands that are under test would not hear of Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    leaks.adopt_orphans()


def pytest_sessionstart(session: pytest.Session) -> None:
    if not _is_one_of_several(session.config):
        session.config.stash[_BEFORE] = leaks.look(_own_folder(session.config))


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    yield
    if _is_one_of_several(session.config):
        return
    left = leaks.left_behind(session.config.stash[_BEFORE], _own_folder(session.config))
    session.config.stash[_LEFT] = left
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left = config.stash.get(_LEFT, [])
    if left:
        terminalreporter.section("left behind by this run, which fails it", red=True)
        for line in left:
            terminalreporter.write_line(line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files that take long begin first, so that no process is still at one when the others have nothing left.
    long = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("tools")}
    items.sort(key=lambda item: item.path not in long)
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Outside of everything else: what a test waits for its turn counts for no time limit."""
    if not _is_one_of_several(item.config):
        return (yield)
    with turns.turn(_own_folder(item.config).parent, alone=item.get_closest_marker("alone") is not None):
        return (yield)


def _is_one_of_several(config: pytest.Config) -> bool:
    """Whether this process runs a part of the tests. The one that started it sees what all of them leave behind."""
    return hasattr(config, "workerinput")


def _own_folder(config: pytest.Config) -> Path:
    factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]  # no public way to it
    return factory.getbasetemp()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that ask for it: names must be their own (`unique`), counts must not matter."""
    with Server.started(tmp_path_factory.mktemp("shared") / "state") as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, with nothing in it. It must stop with exit code 0."""
    with Server.started(tmp_path / "state") as server:
        yield server
