"""Samples of functions: what a verification takes for an error, and commands that are run for it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from lamina.rollouts.consumers import Place
from lamina.rollouts.journal import Moment
from lamina.rollouts.plans import Target, Verification
from lamina.workshop.endpoint import EndpointError
from lamina.workshop.rollouts.functions import Functions, Invoked, Refused
from lamina.workshop.rollouts.trying import Trier, contains
from tests.support.functions import wait_until

PLACE = Place("", "eu-west-1")
FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:f"
TARGET = Target(PLACE, FUNCTION, None, (), "", "", "", {}, (), (), event="e")
SILENT = Target(PLACE, FUNCTION, None, (), "", "", "", {}, (), ())


class Answering:
    """Functions that answer what they are told to, one after the other."""

    def __init__(self, *answers: Invoked | EndpointError) -> None:
        self.answers = list(answers)

    def invoke(self, _function: str, qualifier: str, payload: bytes) -> Invoked:
        assert (qualifier, payload) == ("$LATEST", b'{"id": 1}')
        answer = self.answers.pop(0)
        if isinstance(answer, EndpointError):
            raise answer
        return answer


def trier(*answers: Invoked | EndpointError, pause: Any = time.sleep, **verification: Any) -> Trier:
    functions = Answering(*answers)
    wanted = Verification({"e": '{"id": 1}'}, **verification)
    return Trier(wanted, lambda _place: cast(Functions, functions), dict(os.environ), "http://127.0.0.1:1", pause)


def answer(payload: bytes = b"{}", error: str = "", ms: float = 5.0) -> Invoked:
    return Invoked(error, payload, ms, "$LATEST")


def test_a_function_error_is_told_in_its_own_words() -> None:
    failing = answer(b'{"errorMessage": "no legacy", "errorType": "AttributeError"}', "Unhandled")
    assert trier(failing).sample(TARGET, Moment.BEFORE).error == "it fails: no legacy"
    assert trier(answer()).sample(TARGET, Moment.AFTER).error is None


def test_what_the_api_refuses_is_the_functions_fault_and_what_nobody_knows_is_not() -> None:
    refused = trier(Refused("the runtime is retired")).sample(TARGET, Moment.AFTER)
    assert refused.error == "it cannot be invoked: the runtime is retired"
    with pytest.raises(EndpointError):
        trier(EndpointError("no connection")).sample(TARGET, Moment.AFTER)


def test_what_is_expected_is_expected_of_the_new_layers_alone() -> None:
    expecting = {"expected": '{"version": 2}'}
    assert trier(answer(b'{"version": 1}'), **expecting).sample(TARGET, Moment.BEFORE).error is None
    assert trier(answer(b'{"version": 2, "more": 1}'), **expecting).sample(TARGET, Moment.AFTER).error is None
    for wrong in (b'{"version": 1}', b"", b"[2]"):
        found = trier(answer(wrong), **expecting).sample(TARGET, Moment.AFTER)
        assert found.error == f"it answers {wrong.decode()}"


@pytest.mark.parametrize(
    ("given", "expected", "holds"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [1], False),
        (1, True, False),
        (1, 1.0, True),
        (None, {}, False),
    ],
)
def test_an_answer_may_have_more_members_and_nothing_else(given: Any, expected: Any, holds: bool) -> None:
    assert contains(given, expected) is holds


def test_where_time_counts_the_second_call_is_measured() -> None:
    slow_at_first = [answer(ms=900.0), answer(ms=6.0)]
    assert trier(*slow_at_first, slower_max=2.0).sample(TARGET, Moment.AFTER).ms == 6.0
    assert trier(*slow_at_first).sample(TARGET, Moment.AFTER).ms == 900.0


def test_a_command_knows_the_function_and_fails_by_its_exit_code() -> None:
    says = 'echo "$LAMINA_FUNCTION $LAMINA_FUNCTION_ARN $AWS_REGION $AWS_ENDPOINT_URL"; exit 3'
    found = trier(command=says).sample(SILENT, Moment.AFTER)
    assert found.error == f"the command exits with 3: f {FUNCTION} eu-west-1 http://127.0.0.1:1"
    assert trier(command="exit 0").sample(SILENT, Moment.AFTER).error is None
    assert trier(command="exit 3").sample(SILENT, Moment.BEFORE).error is None


def test_a_command_of_a_plan_for_aws_is_not_sent_elsewhere_by_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    says = 'echo "[$AWS_ENDPOINT_URL] $AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"; exit 1'
    trying = replace(trier(command=says), environ=dict(os.environ), endpoint="aws")
    assert trying.sample(SILENT, Moment.AFTER).error == "the command exits with 1: [] true"


def test_of_a_command_that_talks_a_lot_the_end_is_kept() -> None:
    found = trier(command="seq 100000; echo the end; exit 1").sample(SILENT, Moment.AFTER)
    assert found.error is not None
    assert found.error.endswith("99999\n100000\nthe end")
    assert len(found.error) < 500


class _Stop(Exception):
    pass


@pytest.mark.parametrize("stops", [True, False])
def test_what_a_command_began_ends_with_it(tmp_path: Path, stops: bool) -> None:
    leaves = tmp_path / "pid"

    def pause(seconds: float) -> None:
        if stops and leaves.exists() and leaves.read_text():
            raise _Stop
        time.sleep(seconds)

    waits = "; wait" if stops else ""
    command = (
        f"{sys.executable} -c 'import time; time.sleep(60)' & echo $! > {leaves}.new; mv {leaves}.new {leaves}{waits}"
    )
    trying = trier(command=command, pause=pause)
    if stops:
        with pytest.raises(_Stop):
            trying.sample(SILENT, Moment.AFTER)
    else:
        assert trying.sample(SILENT, Moment.AFTER).error is None
    process = Path("/proc", leaves.read_text().strip(), "stat")
    # Its parent may have yet to bury it.
    wait_until(lambda: not process.exists() or ") Z " in process.read_text())
