"""Which functions may begin from a template of preloaded layers, and which of the modules it imports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lamina.environments.preloading import Findings, Source, brought, layer_folders, template_variables
from lamina.environments.spec import PROVISIONED, SNAP_START, EnvironmentSpec
from lamina.names import LATEST, Digest, FunctionArn, Scope

HERE = Scope("123456789012", "eu-west-1")
LAYERS = (Digest.of(b"one"), Digest.of(b"two"))
SPEC = EnvironmentSpec(
    function=FunctionArn(HERE, "f"),
    version=LATEST,
    runtime="python3.12",
    handler="app.handler",
    role="role",
    code=Digest.of(b"code"),
    layers=LAYERS,
    memory_mb=128,
    storage_mb=512,
    timeout_s=3,
    architecture="x86_64",
    variables=(("STAGE", "test"),),
    log_group="/aws/lambda/f",
    log_format="Text",
    application_log_level=None,
    system_log_level=None,
)


def source(spec: EnvironmentSpec = SPEC) -> Source:
    found = Source.of(spec)
    assert found is not None
    return found


def prevents(
    spec: EnvironmentSpec = SPEC, *, names: set[str] | None = None, read: set[str] | None = None, beside: str = ""
) -> str | None:
    findings = Findings(frozenset(names or {"pandas", "numexpr"}), frozenset(read or ()))
    return findings.prevents(spec, beside.split(), template_variables(source(), ["pandas"]))


def test_functions_of_one_account_with_the_same_layers_in_the_same_order_share_a_template() -> None:
    other = replace(SPEC, function=FunctionArn(HERE, "g"), code=Digest.of(b"other"), memory_mb=512, handler="h.h")
    assert source(other) == source()


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, function=FunctionArn(Scope("210987654321", "eu-west-1"), "f")),
        replace(SPEC, function=FunctionArn(Scope("123456789012", "us-east-1"), "f")),
        replace(SPEC, layers=LAYERS[::-1]),
        replace(SPEC, layers=LAYERS[:1]),
        replace(SPEC, runtime="python3.13"),
        replace(SPEC, architecture="arm64"),
    ],
    ids=["account", "region", "order", "layers", "runtime", "architecture"],
)
def test_others_do_not(other: EnvironmentSpec) -> None:
    assert source(other) != source()


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, layers=()),
        replace(SPEC, runtime="nodejs22.x"),
        replace(SPEC, runtime="python3.8"),
        replace(SPEC, initialization=SNAP_START),
        replace(SPEC, initialization=PROVISIONED),
        replace(SPEC, variables=(("PYTHONWARNINGS", "error"),)),
        replace(SPEC, variables=(("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrap"),)),
    ],
    ids=[
        "no layer",
        "another language",
        "too old",
        "SnapStart",
        "provisioned",
        "an interpreter of its own",
        "a wrapper",
    ],
)
def test_what_is_not_forked_on_demand_with_layers_has_no_template(spec: EnvironmentSpec) -> None:
    assert Source.of(spec) is None


def test_of_the_modules_those_are_imported_that_the_layers_bring() -> None:
    there = ["pandas", "pandas.libs", "six.py", "_speed.cpython-312-x86_64-linux-gnu.so", "numpy-2.0.dist-info"]
    asked = ["six", "pandas.io", "numpy", "_speed", "json"]
    assert brought(asked, there) == ("six", "pandas.io", "_speed")
    assert layer_folders("python3.12") == ("python/lib/python3.12/site-packages", "python")


def test_modules_are_imported_without_anything_of_a_function() -> None:
    told = template_variables(source(), ["pandas", "numpy"])
    assert told["AWS_REGION"] == "eu-west-1"
    assert told["_LAMINA_PRELOAD"] == "pandas,numpy"
    assert not [name for name in told if name.startswith(("AWS_ACCESS", "AWS_SESSION", "AWS_LAMBDA_FUNCTION", "_HAND"))]
    assert template_variables(source(), [], (4711, 4712))["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:4711"


@pytest.mark.parametrize(
    "why",
    [
        prevents(beside="app.py pandas"),
        prevents(beside="pandas.py"),
        prevents(beside="numexpr.cpython-312-x86_64-linux-gnu.so"),
        prevents(beside="vendored.pth"),
        prevents(read={"STAGE"}),
        prevents(read={"AWS_LAMBDA_FUNCTION_NAME"}),
        prevents(replace(SPEC, variables=(("AWS_REGION_", "x"), ("OPENBLAS_NUM_THREADS", "1")))),
    ],
)
def test_what_an_import_could_have_seen_of_a_function_prevents_it(why: str | None) -> None:
    assert why


@pytest.mark.parametrize(
    "why",
    [
        prevents(beside="app.py utils requirements.txt"),
        prevents(read={"HOME", "AWS_REGION", "LANG"}),
        prevents(replace(SPEC, variables=())),
    ],
)
def test_what_none_could_have_seen_does_not(why: str | None) -> None:
    assert why is None


@pytest.mark.parametrize(
    "report", [{}, {"names": ["a"]}, {"names": [1], "read": []}, {"names": None, "read": []}, {"names": [], "read": 5}]
)
def test_a_report_that_makes_no_sense_is_no_report(report: dict[str, object]) -> None:
    with pytest.raises((LookupError, TypeError)):
        Findings.of(report)
    assert Findings.of({"names": ["a"], "read": []}) == Findings(frozenset({"a"}), frozenset())
