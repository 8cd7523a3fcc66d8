"""What an environment is made from, and the variables its runtime sees."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from lamina.environments.spec import EnvironmentSpec
from lamina.environments.variables import Credentials, variables
from lamina.functions.runtimes import Language
from lamina.functions.versions import SETTLED, Configuration, FunctionVersion, Logging
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import StoredArchive
from lamina.names import Digest, FunctionArn, LayerArn, Scope
from tests.support.recorded import RECORDED, differences

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


# What a runtime's client takes away, or adds, before a function can look; Java's does neither.
TAKEN = {family: {"_LAMBDA_TELEMETRY_LOG_FD"} for family in ("python", "nodejs", "ruby")}
ADDED = {"_X_AMZN_TRACE_ID"}
# Lamina's own, for an SDK inside to come back to it.
OURS = {"AWS_ENDPOINT_URL"}


@pytest.mark.parametrize("runtime", RECORDED)
def test_the_variables_are_those_recorded_on_aws(runtime: str) -> None:
    spec = made_from(runtime=runtime, memory_mb=256, handler="index.handler", environment=(("TEST_KEY", "TEST_VAL"),))
    shown = told(spec)
    taken = TAKEN.get(Language.of(runtime).family, set())
    assert taken <= shown.keys()
    seen = {name: value for name, value in shown.items() if name not in taken | OURS}
    assert differences(runtime, seen, "f", "eu-west-1").keys() <= ADDED


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


@pytest.mark.parametrize("field", [field.name for field in fields(EnvironmentSpec) if field.init])
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
