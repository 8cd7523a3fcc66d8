"""What each policy includes, in the words of its refusals."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from lamina.accounts import Policy, check_allowed
from lamina.accounts.policies import action_of_rest, allows, resource_of
from lamina.errors import ApiError
from lamina.names import Scope

pytestmark = pytest.mark.anybody

SCOPE = Scope("111122223333", "eu-west-1")
USER = "arn:aws:iam::111122223333:user/ci"


@pytest.mark.parametrize(
    ("policy", "allowed", "refused"),
    [
        (
            Policy.READ_ONLY,
            ["lambda:GetFunction", "lambda:ListLayers", "logs:FilterLogEvents", "logs:StartQuery", "s3:HeadObject"],
            [
                "lambda:InvokeFunction",
                "lambda:PublishLayerVersion",
                "s3:PutObject",
                "sts:AssumeRole",
                "ssm:PutParameter",
            ],
        ),
        (Policy.READ_ONLY, ["sts:GetCallerIdentity", "iam:GetRole"], ["secretsmanager:GetSecretValue", "iam:PassRole"]),
        (
            Policy.DEPLOY_ONLY,
            ["lambda:PublishLayerVersion", "lambda:UpdateFunctionCode", "lambda:InvokeFunction", "s3:PutObject"],
            ["lambda:DeleteFunction", "lambda:AddPermission", "lambda:RemoveLayerVersionPermission", "s3:DeleteObject"],
        ),
        (
            Policy.DEPLOY_ONLY,
            ["cloudformation:CreateStack", "cloudformation:DeleteChangeSet", "sts:AssumeRole", "iam:GetRole"],
            ["cloudformation:DeleteStack", "iam:CreateUser", "s3:PutBucketPolicy", "lambda:CreateFunctionUrlConfig"],
        ),
        (
            Policy.INVOKE_ONLY,
            ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "sts:GetCallerIdentity"],
            ["lambda:GetFunction", "s3:GetObject", "sts:AssumeRole"],
        ),
        (Policy.FULL, ["lambda:DeleteFunction", "iam:CreateUser", "whatever:Comes"], []),
    ],
)
def test_a_policy_includes(policy: Policy, allowed: list[str], refused: list[str]) -> None:
    assert [each for each in allowed if not allows(policy, each)] == []
    assert [each for each in refused if allows(policy, each)] == []


def test_read_only_keys_change_nothing_of_lambdas() -> None:
    operations = Loader().load_service_model("lambda", "service-2")["operations"]
    allowed = {
        name: each["http"]["method"] for name, each in operations.items() if allows(Policy.READ_ONLY, f"lambda:{name}")
    }
    assert set(allowed.values()) == {"GET"}
    assert {name for name, each in operations.items() if each["http"]["method"] == "GET"} == set(allowed)


def test_deploy_only_keys_delete_nothing_of_lambdas() -> None:
    operations = Loader().load_service_model("lambda", "service-2")["operations"]
    deleting = {name for name, each in operations.items() if each["http"]["method"] == "DELETE"}
    # Tags are no permissions here, and taking one off takes nothing away.
    assert {name for name in deleting if allows(Policy.DEPLOY_ONLY, f"lambda:{name}")} == {"UntagResource"}


def test_a_refusal_is_in_awss_words() -> None:
    with pytest.raises(ApiError) as caught:
        check_allowed(Policy.READ_ONLY, USER, "lambda:Invoke", "arn:aws:lambda:eu-west-1:111122223333:function:f")
    assert (caught.value.code, caught.value.status) == ("AccessDeniedException", 403)
    assert caught.value.message == (
        f"User: {USER} is not authorized to perform: lambda:InvokeFunction on resource: "
        "arn:aws:lambda:eu-west-1:111122223333:function:f because no identity-based policy allows the "
        "lambda:InvokeFunction action"
    )


@pytest.mark.parametrize(
    ("parameters", "resource"),
    [
        ({"FunctionName": "f"}, SCOPE.arn("function:f")),
        ({"FunctionName": SCOPE.arn("function:g")}, SCOPE.arn("function:g")),
        ({"LayerName": "l"}, SCOPE.arn("layer:l")),
        ({"LayerName": "l", "VersionNumber": 3}, SCOPE.arn("layer:l:3")),
        ({"Resource": SCOPE.arn("function:t")}, SCOPE.arn("function:t")),
        ({}, "*"),
    ],
)
def test_a_refusal_names_the_resource(parameters: dict[str, object], resource: str) -> None:
    assert resource_of("lambda", SCOPE, parameters) == resource
    assert resource_of("logs", SCOPE, parameters) == "*"


@pytest.mark.parametrize(
    ("method", "query", "action"),
    [
        ("GET", "", "s3:GetObject"),
        ("PUT", "uploadId=1&partNumber=2", "s3:PutObject"),
        ("POST", "delete=", "s3:DeleteObject"),
        ("POST", "delete", "s3:DeleteObject"),
        ("PUT", "policy", "s3:PutBucketPolicy"),
        ("DELETE", "policy", "s3:DeleteBucketPolicy"),
        ("PUT", "x-id=PutObject&acl", "s3:PutObjectAcl"),
    ],
)
def test_s3_is_told_by_method_and_query(method: str, query: str, action: str) -> None:
    assert action_of_rest("s3", method, query) == action
