"""When a layer is published, and what is taken over from the version before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamina.names import Digest
from lamina.workshop.building.builds import BuiltLayer
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.errors import WorkshopError
from lamina.workshop.publishing import Attributes, Permission, Publisher, statements, storage_of
from lamina.workshop.recipes import Recipe

LAYER = BuiltLayer("n", Path("n.zip"), Digest.of(b"content"), 7, 7, ())
RECIPE = Recipe("n", (), ("python3.12", "python3.13"), ("arm64",), description="Numbers", license="MIT")
ANSWER = {
    "Content": {"CodeSha256": LAYER.digest.base64},
    "CompatibleRuntimes": ["python3.13", "python3.12"],
    "CompatibleArchitectures": ["arm64"],
    "Description": "Numbers",
    "LicenseInfo": "MIT",
}


def test_the_same_in_another_order_is_the_same() -> None:
    assert Attributes.told(ANSWER) == Attributes.wanted(LAYER, RECIPE)


@pytest.mark.parametrize(
    "change",
    [
        {"Content": {"CodeSha256": Digest.of(b"other").base64}},
        {"CompatibleRuntimes": ["python3.12"]},
        {"CompatibleArchitectures": None},
        {"Description": ""},
        {"LicenseInfo": "Apache-2.0"},
    ],
)
def test_each_attribute_makes_a_new_version(change: dict[str, object]) -> None:
    assert Attributes.told({**ANSWER, **change}) != Attributes.wanted(LAYER, RECIPE)


def test_what_an_endpoint_leaves_out_is_nothing() -> None:
    told = Attributes.told({"Content": ANSWER["Content"], "Description": ""})
    assert told == Attributes.wanted(LAYER, Recipe("n", ()))


def test_statements_come_back_as_they_were_added() -> None:
    policy = {
        "Statement": [
            {"Sid": "all", "Principal": "*", "Action": "lambda:GetLayerVersion"},
            {"Sid": "one", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "lambda:GetLayerVersion"},
            {
                "Sid": "org",
                "Principal": "*",
                "Action": "lambda:GetLayerVersion",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
            },
        ]
    }
    assert list(statements(json.dumps(policy))) == [
        Permission("all", "lambda:GetLayerVersion", "*"),
        Permission("one", "lambda:GetLayerVersion", "123456789012"),
        Permission("org", "lambda:GetLayerVersion", "*", "o-1234567890"),
    ]


def test_what_cannot_be_sent_is_refused_before_anything_is_asked() -> None:
    large = BuiltLayer("n", Path("n.zip"), LAYER.digest, 52_428_801, 60_000_000, ())
    nowhere = Endpoint("http://192.0.2.1")
    with pytest.raises(WorkshopError, match="52428801 bytes, and 52428800 can be sent without S3"):
        Publisher(nowhere, nowhere).publish(large, Attributes.wanted(large, RECIPE))


def test_buckets_are_where_s3_is_configured_to_be_else_beside_the_api() -> None:
    api = Endpoint("http://127.0.0.1:4566", region="eu-central-1")
    assert storage_of(api, {}) == api
    there = storage_of(api, {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"})
    assert there == Endpoint("http://127.0.0.1:9000", region="eu-central-1")
