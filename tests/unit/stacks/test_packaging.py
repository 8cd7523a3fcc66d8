"""What of a template lies on the disk, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.stacks.packaging import Local, local, published_on_layer_change, uploaded

LAYER = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer"}}


def sam(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::Function", "Properties": properties}


def test_folders_are_found_wherever_a_template_may_name_one() -> None:
    document = {
        "Globals": {"Function": {"CodeUri": "shared"}},
        "Resources": {
            "Own": sam(CodeUri="own"),
            "Shared": sam(),
            "Inline": sam(InlineCode="pass"),
            "Uploaded": sam(CodeUri="s3://bucket/key"),
            "Named": sam(CodeUri={"Bucket": "b", "Key": "k"}),
            "Plain": {"Type": "AWS::Lambda::Function", "Properties": {"Code": "plain"}},
            "Text": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": "pass"}}},
            "Layer": {**LAYER, "Metadata": {"BuildMethod": "python3.12"}},
            "Version": {
                "Type": "AWS::Lambda::LayerVersion",
                "Properties": {
                    "Content": "v",
                    "CompatibleRuntimes": ["python3.11"],
                    "CompatibleArchitectures": ["arm64"],
                },
            },
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "b"}},
        },
    }
    assert local(document) == (
        Local("Own", "own", is_layer=False),
        Local("Shared", "shared", is_layer=False),
        Local("Plain", "plain", is_layer=False),
        Local("Layer", "layer", is_layer=True, runtimes=("python3.12",), method="python3.12"),
        Local("Version", "v", is_layer=True, runtimes=("python3.11",), architectures=("arm64",)),
    )


def test_what_was_uploaded_is_named_as_each_type_names_it() -> None:
    document = {
        "Resources": {"F": sam(), "L": LAYER, "P": {"Type": "AWS::Lambda::Function", "Properties": {"Code": "p"}}}
    }
    made = uploaded(document, "b", {"F": "f", "L": "l", "P": "p"})["Resources"]
    assert made["F"]["Properties"]["CodeUri"] == {"Bucket": "b", "Key": "f"}
    assert made["L"]["Properties"]["ContentUri"] == {"Bucket": "b", "Key": "l"}
    assert made["P"]["Properties"]["Code"] == {"S3Bucket": "b", "S3Key": "p"}
    assert document["Resources"]["F"] == sam(), "the template itself stays as it was"


def published(layer: str = "1", code: str = "1", **globals_: Any) -> Any:
    document = {
        "Globals": {"Function": globals_},
        "Resources": {"L": LAYER, "F": sam(AutoPublishAlias="live", Layers=[{"Ref": "L"}, "arn:x:1"])},
    }
    made = published_on_layer_change(document, {"L": layer, "F": code})
    return made["Resources"]["F"]["Properties"].get("AutoPublishCodeSha256")


def test_a_version_is_published_for_a_change_of_the_code_or_of_a_layer() -> None:
    assert published() == published()
    assert len({published(), published(layer="2"), published(code="2"), published(Layers=["arn:y:1"])}) == 4
    assert len(published()) == 64


@pytest.mark.parametrize(
    "function", [sam(Layers=[{"Ref": "L"}]), sam(AutoPublishAlias="live", AutoPublishCodeSha256="x" * 64)]
)
def test_who_publishes_nothing_or_says_when_is_left_alone(function: dict[str, Any]) -> None:
    document = {"Resources": {"L": LAYER, "F": function}}
    assert published_on_layer_change(document, {"L": "1"}) == document
