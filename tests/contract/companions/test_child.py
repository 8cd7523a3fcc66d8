"""The companions' process, spoken to as the server does: it answers whole questions, and goes when nobody can ask."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamina.companions.messages import LENGTH, Question, packed

CREDENTIAL = "Credential=k/20260101/us-east-1/s3/aws4_request"
SIGNED = [("authorization", f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature=x"), ("host", "localhost")]


@pytest.fixture
def control(tmp_path: Path) -> Iterator[socket.socket]:
    """The server's end of the socket of a process with nothing in it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "lamina.companions.child", str(theirs.fileno()), str(tmp_path / "kept")]
        process = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
    with ours:
        yield ours
    assert process.wait(20) == 0


def asked(control: socket.socket, question: Question, sent: bytes | None = None) -> bytes:
    """What comes back for *question*, of whose body only *sent* is sent if that is given."""
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(control, [b"?"], [theirs.fileno()])
    with ours, ours.makefile("rb") as file:
        ours.sendall(packed(question.head) + (b"".join(question.body) if sent is None else sent))
        ours.shutdown(socket.SHUT_WR)
        return file.read()


def status_of(answer: bytes) -> int:
    (length,) = LENGTH.unpack(answer[: LENGTH.size])
    return int(json.loads(answer[LENGTH.size :][:length])["status"])


@pytest.mark.parametrize("path", ["/moto-api/reset", "/%6doto-api/reset", "/moto-api/seed?a=1"])
def test_nobody_gives_moto_orders(control: socket.socket, path: str) -> None:
    assert status_of(asked(control, Question("PUT", "/bucket", SIGNED))) == 200
    assert status_of(asked(control, Question("POST", path, SIGNED))) == 403
    assert status_of(asked(control, Question("HEAD", "/bucket", SIGNED))) == 200


def test_nothing_leaves_the_process(control: socket.socket) -> None:
    """What is published to an address of the host, where a function's code cannot go itself, does not get there."""

    def sns(form: str) -> bytes:
        kind = ("content-type", "application/x-www-form-urlencoded")
        return asked(
            control,
            Question("POST", "/", [(SIGNED[0][0], SIGNED[0][1].replace("/s3/", "/sns/")), kind], (form.encode(),)),
        )

    topic = "arn:aws:sns:us-east-1:123456789012:topic"
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.settimeout(0)
        address = f"http%3A%2F%2F127.0.0.1%3A{host.getsockname()[1]}%2F"
        assert status_of(sns("Action=CreateTopic&Name=topic")) == 200
        assert status_of(sns(f"Action=Subscribe&TopicArn={topic}&Protocol=http&Endpoint={address}")) == 200
        assert status_of(sns(f"Action=Publish&TopicArn={topic}&Message=m")) == 501
        with pytest.raises(BlockingIOError):
            host.accept()


def test_a_question_that_was_cut_short_changes_nothing(control: socket.socket) -> None:
    assert status_of(asked(control, Question("PUT", "/bucket", SIGNED))) == 200
    put = Question("PUT", "/bucket/key", SIGNED, (b"content",))
    assert asked(control, put, b"cont") == b""
    assert status_of(asked(control, Question("GET", "/bucket/key", SIGNED))) == 404
    assert status_of(asked(control, put)) == 200
    assert asked(control, Question("GET", "/bucket/key", SIGNED)).endswith(b"content")
