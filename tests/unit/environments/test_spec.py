"""What an environment is made from, and the variables its runtime sees."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from lamina.environments.spec import EnvironmentSpec
from lamina.environments.variables import Credentials, variables
from lamina.functions.versions import SETTLED, Configuration, FunctionVersion, Logging
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import StoredArchive
from lamina.names import Digest, FunctionArn, LayerArn, Scope

HERE = Scope("123456789012", "eu-west-1")
CREDENTIALS = Credentials("ASIAKEY", "secret", "token")
STREAM = "2026/01/02/[$LATEST]0123456789abcdef0123456789abcdef"


def archive(content: bytes) -> StoredArchive:
    return StoredArchive(Digest.of(content), len(content), len(content))


def layer(name: str) -> AttachedLayer:
    return AttachedLayer(LayerArn(HERE, name).version(1), archive(name.encode()))


def made_from(**configuration: Any) -> EnvironmentSpec:
    basics: dict[str, Any] = {"runtime": "python3.11", "handler": "app.handler", "role": "role"}
    function = FunctionVersion(
        arn=FunctionArn(HERE, "f"),
        version="$LATEST",
        configuration=Configuration(**(basics | configuration)),
        code=archive(b"code"),
        status=SETTLED,
        revision_id="revision",
        last_modified="2026-01-02T03:04:05.678+0000",
    )
    return EnvironmentSpec.of(function)


def told(spec: EnvironmentSpec) -> dict[str, str]:
    return dict(variables(spec, CREDENTIALS, STREAM))


# Facts recorded on AWS: the same for python3.8 to python3.14, but for what the tests below add.
RECORDED = {
    "AWS_ACCESS_KEY_ID": "ASIAKEY",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
    "AWS_LAMBDA_LOG_STREAM_NAME": STREAM,
    "AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001",
    "AWS_REGION": "eu-west-1",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LANG": "en_US.UTF-8",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "PWD": "/var/task",
    "PYTHONPATH": "/var/runtime",
    "SHLVL": "0",
    "TEST_KEY": "TEST_VAL",
    "TZ": ":UTC",
    "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
    "_HANDLER": "app.handler",
}
COERCED = ("python3.12", "python3.13", "python3.14")


@pytest.mark.parametrize("minor", range(8, 15))
def test_the_variables_are_those_recorded_on_aws(minor: int) -> None:
    runtime = f"python3.{minor}"
    shown = told(made_from(runtime=runtime, memory_mb=1024, environment=(("TEST_KEY", "TEST_VAL"),)))
    # The runtime's client takes it out when it opens the descriptor, so no function sees it.
    assert shown.pop("_LAMBDA_TELEMETRY_LOG_FD") == "62"
    # AWS's SDKs find AWS by themselves.
    assert shown.pop("AWS_ENDPOINT_URL") == "http://169.254.100.1:4566"
    expected = RECORDED | {"AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}"}
    if runtime in COERCED:
        # Amazon Linux 2023 has no en_US.UTF-8 for the interpreter to find.
        expected["LC_CTYPE"] = "C.UTF-8"
    assert shown == expected


def test_there_is_no_home_and_nothing_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_SECRET", "the server's")
    assert {"HOME", "USER", "LAMINA_SECRET"}.isdisjoint(told(made_from()))


def test_the_users_variables_lie_on_top() -> None:
    assert told(made_from(environment=(("TZ", "Europe/Berlin"), ("PATH", "/opt/bin"))))["TZ"] == "Europe/Berlin"


def test_json_logging_tells_the_client_its_format_and_level() -> None:
    assert {"AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"}.isdisjoint(told(made_from()))
    shown = told(made_from(logging=Logging("JSON", application_level="DEBUG")))
    assert (shown["AWS_LAMBDA_LOG_FORMAT"], shown["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "DEBUG")
    assert told(made_from(logging=Logging("JSON")))["AWS_LAMBDA_LOG_LEVEL"] == "INFO"


def test_a_log_group_of_ones_own_is_named() -> None:
    assert told(made_from(logging=Logging(group="mine")))["AWS_LAMBDA_LOG_GROUP_NAME"] == "mine"


@pytest.mark.parametrize(
    "name", ["PYTHONPATH", "PYTHONHASHSEED", "LD_PRELOAD", "MALLOC_ARENA_MAX", "LC_ALL", "LANG", "TZ", "PATH"]
)
def test_what_is_read_when_an_interpreter_starts_needs_one_of_its_own(name: str) -> None:
    assert made_from(environment=(("A", "b"), (name, "x"))).needs_own_interpreter


@pytest.mark.parametrize("environment", [None, (), (("PATHS", "x"), ("MY_PYTHONPATH", "x"), ("TZ_NAME", "x"))])
def test_others_do_not(environment: tuple[tuple[str, str], ...] | None) -> None:
    assert not made_from(environment=environment).needs_own_interpreter


OTHER: dict[str, Any] = {
    "function": FunctionArn(Scope("210987654321", "eu-west-1"), "f"),
    "version": "1",
    "runtime": "python3.12",
    "handler": "app.other",
    "role": "other",
    "code": Digest.of(b"other"),
    "layers": (layer("b").archive.digest, layer("a").archive.digest),
    "memory_mb": 129,
    "storage_mb": 513,
    "timeout_s": 4,
    "architecture": "arm64",
    "variables": (("A", "other"),),
    "log_group": "other",
    "log_format": "JSON",
    "application_log_level": "DEBUG",
    "system_log_level": "DEBUG",
    "initialization": "provisioned-concurrency",
}


@pytest.mark.parametrize("field", [field.name for field in fields(EnvironmentSpec)])
def test_specs_that_differ_in_anything_share_no_environment(field: str) -> None:
    spec = made_from(layers=(layer("a"), layer("b")), environment=(("A", "b"),))
    changed = replace(spec, **{field: OTHER[field]})
    assert changed != spec
    assert {spec: "warm"}.get(changed) is None
    assert {spec: "warm"}.get(replace(changed, **{field: getattr(spec, field)})) == "warm"


def test_a_configuration_that_differs_in_what_a_runtime_sees_makes_another_spec() -> None:
    # The description, and what is kept and shown only.
    ignored = {"description", "vpc", "dead_letter", "kms_key", "tracing", "file_systems", "snap_start", "image"}
    changes: dict[str, Any] = {
        "runtime": "python3.12",
        "handler": "app.other",
        "role": "other",
        "timeout_s": 4,
        "memory_mb": 129,
        "storage_mb": 513,
        "environment": (("A", "b"),),
        "architecture": "arm64",
        "logging": Logging("JSON"),
        "layers": (layer("a"),),
    }
    assert {field.name for field in fields(Configuration)} - ignored == set(changes)
    for name, value in changes.items():
        assert made_from(**{name: value}) != made_from(), name
    for logging in (Logging(group="g"), Logging("JSON", None, "DEBUG"), Logging("JSON", None, None, "DEBUG")):
        assert made_from(logging=logging) not in (made_from(), made_from(logging=Logging("JSON")))


def test_the_order_of_layers_counts() -> None:
    one, two = layer("a"), layer("b")
    assert made_from(layers=(one, two)) != made_from(layers=(two, one))
    assert made_from(layers=(one, two)).archives == (Digest.of(b"code"), Digest.of(b"a"), Digest.of(b"b"))
