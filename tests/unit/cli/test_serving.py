"""What `lamina up` prints, decided before anything listens."""

from __future__ import annotations

import errno
import socket

import pytest

from lamina import __version__
from lamina.cli import serving
from lamina.cli.failures import Failure
from lamina.sandbox.probe import Finding
from lamina.settings import Settings

SETTINGS = Settings.read({"LAMINA_STATE": "/s"}, root=True)


def test_readiness_is_a_line_to_read_and_a_line_to_paste() -> None:
    assert serving.readiness(SETTINGS, 4566, quiet=False) == [
        f"Lamina {__version__} is ready at http://127.0.0.1:4566, state in /s",
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4566",
    ]


def test_quiet_leaves_the_line_to_paste() -> None:
    assert serving.readiness(SETTINGS, 4567, quiet=True) == ["export AWS_ENDPOINT_URL=http://127.0.0.1:4567"]


def test_a_machine_that_offers_everything_is_not_spoken_of() -> None:
    assert serving.notes([Finding("seccomp", "ok", "works")]) == []


def test_what_is_replaced_or_missing_is_named_with_what_it_means() -> None:
    told = serving.notes(
        [Finding("/tmp", "substitute", "a folder", "Its size is watched."), Finding("proc", "missing", "no")]
    )
    assert told[:2] == ["substitute: /tmp: a folder. Its size is watched.", "missing: proc: no."]
    assert "lamina doctor" in told[2]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("::1", "http://[::1]:1"),
        ("localhost", "http://localhost:1"),
    ],
)
def test_the_endpoint_is_one_that_a_client_can_reach(host: str, expected: str) -> None:
    assert serving.endpoint(host, 1) == expected


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (OSError(errno.EADDRINUSE, "in use"), Failure.PORT_IN_USE, "port 4566 of 127.0.0.1 is in use"),
        (PermissionError(errno.EACCES, "denied", "/s"), Failure.NOT_POSSIBLE_HERE, "no right to use /s"),
        (PermissionError(errno.EACCES, "denied"), Failure.NOT_POSSIBLE_HERE, "no right to listen on port 4566"),
        (OSError(errno.EADDRNOTAVAIL, "no"), Failure.NOT_POSSIBLE_HERE, "no address '127.0.0.1'"),
        (socket.gaierror(-2, "unknown"), Failure.NOT_POSSIBLE_HERE, "no address '127.0.0.1'"),
        (OSError(errno.EMFILE, "too many files"), Failure.FAILED, "could not start"),
    ],
)
def test_what_the_world_refuses_is_said_with_a_hint(error: OSError, code: int, says: str) -> None:
    failure = serving.explained(error, SETTINGS)
    assert failure.code == code
    assert says in str(failure)
    assert failure.hint


def test_a_host_that_the_gateway_cannot_look_up_is_no_address() -> None:
    unknown = socket.gaierror(-2, "unknown")
    error = OSError(unknown.errno, "told by the gateway")
    error.__cause__ = unknown
    failure = serving.explained(error, SETTINGS)
    assert (str(failure), failure.code) == ("this machine has no address '127.0.0.1'", Failure.NOT_POSSIBLE_HERE)
