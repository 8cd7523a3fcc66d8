"""Looking whether a function works: by invoking it with an event, by a command of the user's, or both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from lamina.names import LATEST
from lamina.rollouts.consumers import Place
from lamina.rollouts.journal import Moment, Sample
from lamina.rollouts.plans import Target, Verification
from lamina.workshop.endpoint import AWS
from lamina.workshop.rollouts.functions import Busy, Functions, Refused

_COMMAND_LOOK_S: Final = 0.05
_SAID_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Trier:
    """Takes samples as a plan's verification says. `environ` is a command's, `pause` raises when all is to stop."""

    verification: Verification
    functions: Callable[[Place], Functions]
    environ: Mapping[str, str]
    endpoint: str
    pause: Callable[[float], None]

    def sample(self, target: Target, moment: Moment) -> Sample:
        """What *target* does now. Raises Gone, or another EndpointError where that cannot be known."""
        sample = Sample(None, None)
        if target.event is not None:
            sample = self._invoked(target, self.verification.events[target.event].encode(), moment)
        if sample.error is None and moment is Moment.AFTER and self.verification.command is not None:
            return Sample(self._commanded(target, self.verification.command), sample.ms)
        return sample

    def _invoked(self, target: Target, event: bytes, moment: Moment) -> Sample:
        # What loads on first use makes a first call slow: where time counts, the second one is measured.
        sample = self._once(target, event, moment)
        if sample.error is None and self.verification.slower_max is not None:
            return self._once(target, event, moment)
        return sample

    def _once(self, target: Target, event: bytes, moment: Moment) -> Sample:
        try:
            answer = self.functions(target.place).invoke(target.function, LATEST, event)
        except (Busy, Refused) as error:
            return Sample(f"it cannot be invoked: {error}", None)
        if answer.error:
            return Sample(f"it fails: {answer.said}", answer.duration_ms)
        # What is expected is the new layers' doing; the old ones owe nothing.
        expected = None if moment is Moment.BEFORE else self.verification.expected
        if expected is not None and not _answers(answer.payload, json.loads(expected)):
            return Sample(f"it answers {answer.payload[:_SAID_MAX].decode(errors='replace')}", answer.duration_ms)
        return Sample(None, answer.duration_ms)

    def _commanded(self, target: Target, command: str) -> str | None:
        """What *command* has against the target; None when it exits with 0."""
        # A session of its own: Ctrl-C is for the roll-out, which ends what the command began.
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environ(target),
            start_new_session=True,
        )
        said: list[bytes] = []
        reader = threading.Thread(target=lambda: said.append(_tail(process)), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                self.pause(_COMMAND_LOOK_S)
        finally:
            # With all that it left in the background.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            reader.join()
            assert process.stdout is not None
            process.stdout.close()
        if process.returncode == 0:
            return None
        last = b"".join(said).decode(errors="replace").strip()
        return f"the command exits with {process.returncode}" + (f": {last[-_SAID_MAX:]}" if last else "")

    def _environ(self, target: Target) -> dict[str, str]:
        """What tells a command the function, and the aws command the place."""
        kept = dict(self.environ)
        if self.endpoint == AWS:
            # The plan is for AWS itself, whatever the shell says.
            kept = {name: value for name, value in kept.items() if not name.startswith("AWS_ENDPOINT_URL")}
            kept["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
        elif self.endpoint:
            kept["AWS_ENDPOINT_URL"] = kept["AWS_ENDPOINT_URL_LAMBDA"] = self.endpoint
        if target.place.profile:
            kept["AWS_PROFILE"] = target.place.profile
        kept["AWS_REGION"] = kept["AWS_DEFAULT_REGION"] = target.place.region
        return kept | {"LAMINA_FUNCTION": target.name, "LAMINA_FUNCTION_ARN": target.function}


def contains(answer: Any, expected: Any) -> bool:
    """Whether *answer* has all that is *expected*: objects may have more members; anything else has to be equal."""
    if isinstance(expected, Mapping) and isinstance(answer, Mapping):
        return all(name in answer and contains(answer[name], value) for name, value in expected.items())
    return bool(answer == expected) and isinstance(answer, bool) == isinstance(expected, bool)


def _answers(payload: bytes, expected: Any) -> bool:
    try:
        return contains(json.loads(payload), expected)
    except ValueError:
        return False


def _tail(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    kept = b""
    while chunk := os.read(process.stdout.fileno(), 4096):
        kept = (kept + chunk)[-4096:]
    return kept
