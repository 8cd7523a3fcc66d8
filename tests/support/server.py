"""A running `lamina up`, and the clients to talk to it with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from faults.supervisor import Supervisor

ACCOUNT = "000000000000"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda-role"

_READY_S = 60
_STOP_S = 60


@dataclass
class Server:
    """`endpoint` is its address, `state` its folder, `log` its standard error, `process` the command itself."""

    endpoint: str
    state: Path
    log: Path
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def started(cls, state: Path, environ: Mapping[str, str] | None = None, *options: str) -> Iterator[Server]:
        """A server on a free port that keeps its state in *state*; stopped at the end, which must succeed."""
        server = cls.start(state, environ, *options)
        try:
            yield server
        except BaseException:
            # The test has failed: what the server said is part of the story, its exit code is not.
            server.stop()
            print(f"--- the server's log ---\n{server.said()}")
            raise
        code = server.stop()
        assert code == 0, f"the server stopped with {code}:\n{server.said()}"

    @classmethod
    def start(
        cls,
        state: Path,
        environ: Mapping[str, str] | None = None,
        *options: str,
        supervisor: Supervisor | None = None,
    ) -> Server:
        """A server that answers, under the eyes of *supervisor*. The caller sees to its end: `stop`, or `kill`."""
        state.parent.mkdir(parents=True, exist_ok=True)
        log = state.parent / f"{state.name}.log"
        command = [sys.executable, "-m", "lamina", "up", "--port", "0", "--state", str(state), *options]
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command if supervisor is None else supervisor.command(*command),
                pass_fds=() if supervisor is None else (supervisor.theirs.fileno(),),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **(environ or {})},
                # A Ctrl-C in the terminal is for pytest, which then stops the server.
                start_new_session=True,
            )
        output = _read_until_ready(process)
        endpoints = [line.rpartition("=")[2] for line in output if line.startswith("export AWS_ENDPOINT_URL=")]
        if not endpoints:
            process.kill()
            process.communicate()
            raise AssertionError(f"no readiness line within {_READY_S} s:\n{''.join(output)}{log.read_text()}")
        return cls(endpoints[0], state, log, process, output)

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and give its exit code. Harmless when it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL to the server, to nothing else."""
        self.process.kill()
        self._wait()

    def _wait(self) -> int:
        try:
            code = self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = -signal.SIGKILL
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def said(self) -> str:
        """Its standard error so far."""
        return self.log.read_text(errors="replace")

    def client(
        self,
        service: str = "lambda",
        account: str = "test",
        region: str = REGION,
        session: boto3.session.Session | None = None,
        **config: Any,
    ) -> Any:
        """A boto3 client. *account* is the access key: 12 digits are an account id. A *session* that has made one makes
        the next in a tenth of the time.
        """
        return (session or boto3.session.Session()).client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(
                **{"retries": {"total_max_attempts": 1}, "proxies": {}, "read_timeout": 120, "max_pool_connections": 64}
                | config
            ),
        )

    def aws(
        self, *arguments: str, service: str = "lambda", account: str = "test", region: str = REGION
    ) -> subprocess.CompletedProcess[str]:
        """`aws lambda …` as a person runs it: gives code, output and errors, whatever they are."""
        return subprocess.run(
            [sys.executable, "-m", "awscli", service, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={
                **os.environ,
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_ACCESS_KEY_ID": account,
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": region,
                "AWS_PAGER": "",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            },
        )

    def aws_json(self, *arguments: str, **options: str) -> Any:
        """The JSON that a successful `aws lambda …` prints; None for a command that prints nothing."""
        done = self.aws(*arguments, "--output", "json", **options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


def _read_until_ready(process: subprocess.Popen[str]) -> list[str]:
    """Its lines up to the export line, or all of them when it ends first. Kills what stays silent for too long."""
    overdue = threading.Timer(_READY_S, process.kill)
    overdue.daemon = True
    overdue.start()
    lines = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("export "):
                break
    finally:
        overdue.cancel()
    return [line.rstrip("\n") for line in lines]
