"""What of a function's environment its extensions see."""

from __future__ import annotations

from lamina.environments.extension_variables import extension_variables

RUNTIMES = {
    "AWS_REGION": "eu-west-1",
    "PATH": "/bin",
    "_HANDLER": "app.handler",
    "LAMBDA_TASK_ROOT": "/var/task",
    "PYTHONPATH": "/mine",
    "MINE": "1",
}


def test_what_is_the_runtimes_own_is_hidden() -> None:
    assert extension_variables(RUNTIMES, {}).keys() == {"AWS_REGION", "PATH", "MINE"}


def test_what_the_user_has_set_is_seen() -> None:
    assert extension_variables(RUNTIMES, {"PYTHONPATH": "/mine"})["PYTHONPATH"] == "/mine"
