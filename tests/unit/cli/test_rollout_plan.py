"""`lamina rollout plan` refuses what makes no sense, before it asks anybody."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lamina.cli.commands import app
from lamina.cli.consumers import profiles_named
from lamina.cli.failures import Failure


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["base:3"], "names a version"),
        (["base", "--canary", "10%"], "--canary shares out an alias's invocations"),
        (["base", "--slower-max", "2"], "--expect and --slower-max are about invocations"),
        (["base", "--error-rate-max", "1%"], "--error-rate-max is about a while"),
        (["base", "--error-rate-max", "lots", "--bake", "5m"], "is no percentage"),
        (["base", "--alias", "live", "--canary", "50%,10%"], "the steps rise"),
        (["base", "--bake", "soon"], "is no duration"),
        (["base", "--from", "one"], "is no version"),
        (["base", "--wave", "rest,5"], "rest can only come last"),
    ],
)
def test_what_cannot_be_planned_is_refused(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["rollout", "plan", *arguments])
    assert isinstance(done.exception, Failure)
    assert says in str(done.exception)
    assert done.exception.code == Failure.USAGE


def test_a_plan_names_the_profile_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    assert profiles_named(None) == ["prod"]
    assert profiles_named(["dev,test"]) == ["dev", "test"]
    monkeypatch.delenv("AWS_PROFILE")
    assert profiles_named(None) == []
