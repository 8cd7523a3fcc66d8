"""Things to put into a catalog."""

from __future__ import annotations

from dataclasses import replace

from lamina.functions.versions import CREATING, SETTLED, Configuration, FunctionVersion, Logging
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import LayerVersion, StoredArchive
from lamina.names import LATEST, Digest, FunctionArn, LayerArn, Scope

HERE = Scope("123456789012", "eu-west-1")
OTHER_ACCOUNT = Scope("210987654321", "eu-west-1")
OTHER_REGION = Scope("123456789012", "us-east-1")
NOW = "2026-01-02T03:04:05.678+0000"


def archive(content: str) -> StoredArchive:
    return StoredArchive(Digest.of(content.encode()), len(content), 10 * len(content))


def layer_version(name: str, number: int, scope: Scope = HERE) -> LayerVersion:
    return LayerVersion(LayerArn(scope, name).version(number), archive(f"{name}:{number}"), NOW)


def function(name: str, *layers: LayerVersion, scope: Scope = HERE) -> FunctionVersion:
    return FunctionVersion(
        arn=FunctionArn(scope, name),
        version=LATEST,
        configuration=Configuration(
            runtime="python3.12",
            handler="app.handler",
            role="arn:aws:iam::123456789012:role/r",
            environment=(("B", "2"), ("A", "1")),
            logging=Logging("JSON", "group", "DEBUG", "WARN"),
            layers=tuple(AttachedLayer(layer.arn, layer.archive) for layer in layers),
        ),
        code=archive(f"code of {name}"),
        status=SETTLED,
        revision_id=f"revision-of-{name}",
        last_modified=NOW,
    )


def pending(version: FunctionVersion) -> FunctionVersion:
    return replace(version, status=CREATING)
