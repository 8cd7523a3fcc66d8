"""Names are parsed and printed as the API does it."""

from __future__ import annotations

import pytest

from lamina.names import (
    Digest,
    FunctionArn,
    FunctionName,
    LayerArn,
    LayerVersionArn,
    Scope,
    parse_function_name,
    parse_layer_name,
)

SCOPE = Scope("123456789012", "eu-west-1")
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f", FunctionName("f")),
        ("f:1", FunctionName("f", "1")),
        ("f:$LATEST", FunctionName("f", "$LATEST")),
        ("function:f", FunctionName("f")),
        ("123456789012:function:f", FunctionName("f", None, "123456789012")),
        ("123456789012:function:f:live", FunctionName("f", "live", "123456789012")),
        (FUNCTION_ARN, FunctionName("f", None, "123456789012", "eu-west-1")),
        (f"{FUNCTION_ARN}:$LATEST", FunctionName("f", "$LATEST", "123456789012", "eu-west-1")),
        (FUNCTION_ARN.removesuffix(":f"), FunctionName("function", None, "123456789012", "eu-west-1")),
        ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f:1",
         FunctionName("f", "1", "123456789012", "us-gov-west-1")),
    ],
)  # fmt: skip
def test_every_accepted_form_of_a_function_name_parses(text: str, expected: FunctionName) -> None:
    assert parse_function_name(text) == expected


@pytest.mark.parametrize("text", ["f!", "*", f"{FUNCTION_ARN}:1:2", "arn:aws:lambda::123456789012:function:f", ""])
def test_a_malformed_function_name_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a function name"):
        parse_function_name(text)


def test_a_layer_is_named_by_its_name_or_by_an_arn_without_a_version() -> None:
    assert parse_layer_name("base").within(SCOPE) == LayerArn(SCOPE, "base")
    elsewhere = "arn:aws:lambda:us-east-1:210987654321:layer:base"
    assert str(parse_layer_name(elsewhere).within(SCOPE)) == elsewhere
    with pytest.raises(ValueError, match="not a layer name"):
        parse_layer_name(f"{elsewhere}:1")


def test_a_layer_version_arn_survives_the_round_trip() -> None:
    text = "arn:aws:lambda:eu-west-1:123456789012:layer:base:17"
    arn = LayerVersionArn.parse(text)
    assert (arn, str(arn)) == (LayerArn(SCOPE, "base").version(17), text)
    with pytest.raises(ValueError, match="not the ARN of a layer version"):
        LayerVersionArn.parse("arn:aws:lambda:eu-west-1:123456789012:layer:base")


def test_a_function_arn_is_printed_with_and_without_its_qualifier() -> None:
    arn = FunctionArn(SCOPE, "f", "live")
    assert (str(arn), str(arn.unqualified)) == (f"{FUNCTION_ARN}:live", FUNCTION_ARN)


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov"), ("us-isob-east-1", "aws-iso-b")],
)
def test_the_region_decides_the_partition(region: str, partition: str) -> None:
    assert Scope("123456789012", region).arn("layer:base").startswith(f"arn:{partition}:lambda:{region}:")


def test_a_digest_prints_as_hex_and_as_code_sha_256() -> None:
    digest = Digest.of(b"")
    assert str(digest) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest.base64 == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert Digest.from_hex(digest.hex) == digest
    with pytest.raises(ValueError, match="not a SHA-256"):
        Digest.from_hex(digest.hex.upper())
