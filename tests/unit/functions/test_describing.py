"""How a function version is shown."""

from __future__ import annotations

from dataclasses import replace

from lamina.functions.describing import describe
from lamina.functions.runtimes import runtime_version_arn
from lamina.functions.versions import CREATING, SETTLED, UPDATING, Configuration, FunctionVersion, Logging
from lamina.layers.versions import StoredArchive
from lamina.names import Digest, FunctionArn, Scope

HERE = Scope("123456789012", "eu-west-1")
FUNCTION = FunctionVersion(
    arn=FunctionArn(HERE, "f"),
    version="$LATEST",
    configuration=Configuration("python3.12", "app.handler", "role"),
    code=StoredArchive(Digest.of(b""), 276, 300),
    status=SETTLED,
    revision_id="r",
    last_modified="now",
)
LIFE = {
    "State",
    "StateReason",
    "StateReasonCode",
    "LastUpdateStatus",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
}


def life(function: FunctionVersion) -> set[str]:
    return LIFE & describe(function, function.arn).keys()


def configured(**changes: object) -> FunctionVersion:
    return replace(FUNCTION, configuration=replace(FUNCTION.configuration, **changes))  # type: ignore[arg-type]


def test_the_members_about_its_life_come_and_go() -> None:
    assert life(replace(FUNCTION, status=CREATING)) == {"State", "StateReason", "StateReasonCode"}
    assert life(FUNCTION) == {"State", "LastUpdateStatus"}
    assert life(replace(FUNCTION, status=UPDATING)) == LIFE - {"StateReason", "StateReasonCode"}


def test_optional_members_are_absent_until_they_are_set() -> None:
    bare = describe(FUNCTION, FUNCTION.arn)
    never = {"KMSKeyArn", "FileSystemConfigs", "SigningJobArn", "MasterArn", "Tags", "VpcConfig", "DeadLetterConfig"}
    assert not ({"Environment", "Layers"} | never) & bare.keys()
    assert describe(configured(environment=()), FUNCTION.arn)["Environment"] == {"Variables": {}}


def test_logging_shows_the_default_group_and_levels_with_json_only() -> None:
    shown = [
        describe(configured(logging=logging), FUNCTION.arn)["LoggingConfig"]
        for logging in (Logging(), Logging("JSON", "cool_lambda", "INFO", "DEBUG"))
    ]
    assert shown == [
        {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
        {
            "LogFormat": "JSON",
            "LogGroup": "cool_lambda",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "DEBUG",
        },
    ]


def test_the_runtime_version_changes_with_the_runtime_and_with_the_architecture() -> None:
    arns = {
        runtime_version_arn(HERE, runtime, architecture)
        for runtime in ("python3.12", "python3.13")
        for architecture in ("x86_64", "arm64")
    }
    assert len(arns) == 4
    assert all(arn.startswith("arn:aws:lambda:eu-west-1::runtime:") for arn in arns)
