"""Constraint errors, word for word as the real service was recorded to say them (shared digests, sections named)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.wire import Api, Invalid

API = Api.load("lambda")

CURRENT = (
    "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2]"
)
LAYER_VERSION = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:"
    r"[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
)
P_CREATE = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
P_NS = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
P_QUALIFIER = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:my-function"

FUNCTION = {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {"ZipFile": "UEsF"}}
LAYERS = "/2018-10-31/layers"


def answer(method: str, path: str, body: Any = None, query: str = "") -> Invalid | dict[str, Any]:
    try:
        return API.parse(API.route(method, path, query), {}, b"" if body is None else json.dumps(body).encode())
    except Invalid as refusal:
        return refusal


def words(method: str, path: str, body: Any = None, query: str = "") -> str:
    """The message of the ValidationException that the request must get."""
    refusal = answer(method, path, body, query)
    assert isinstance(refusal, Invalid)
    assert (refusal.code, refusal.status, refusal.kind) == ("ValidationException", 400, None)
    return refusal.message


def create(**members: Any) -> str:
    return words("POST", "/2015-03-31/functions", FUNCTION | members)


def one(value: str, path: str, constraint: str) -> str:
    return f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def pattern(text: str) -> str:
    return f"Member must satisfy regular expression pattern: {text}"


# layers §2


def test_publishing_for_unknown_runtimes_and_architectures_names_both_whole_lists() -> None:
    body = {"Content": {}, "CompatibleRuntimes": ["invalidruntime"], "CompatibleArchitectures": ["invalidarch"]}
    assert words("POST", f"{LAYERS}/l/versions", body) == (
        "2 validation errors detected: Value '[invalidruntime]' at 'compatibleRuntimes' failed to satisfy constraint: "
        f"Member must satisfy enum value set: {CURRENT}; Value '[invalidarch]' at 'compatibleArchitectures' failed to "
        "satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
        "Member must not be null]"
    )


def test_publishing_prints_the_whole_list_with_the_good_names_too() -> None:
    body = {"Content": {}, "CompatibleRuntimes": ["invalidruntime", "invalidruntime2", "nodejs20.x"]}
    assert "Value '[invalidruntime, invalidruntime2, nodejs20.x]' at" in words("POST", f"{LAYERS}/l/versions", body)
    body = {"Content": {}, "CompatibleArchitectures": ["invalidarch", "x86_64"]}
    assert "Value '[invalidarch, x86_64]' at" in words("POST", f"{LAYERS}/l/versions", body)


def test_publishing_accepts_every_runtime_of_the_model_and_of_the_recorded_text() -> None:
    retired = "python3.6, nodejs12.x, nodejs14.x, python3.7, java8, dotnetcore3.1, go1.x, ruby2.7, provided"
    for runtime in (*retired.split(", "), *CURRENT.strip("[]").split(", ")):
        params = answer("POST", f"{LAYERS}/l/versions", {"Content": {}, "CompatibleRuntimes": [runtime]})
        assert isinstance(params, dict), params


def test_a_layer_takes_fifteen_runtimes_and_not_sixteen() -> None:
    names = CURRENT.strip("[]").split(", ")
    body = {"Content": {}, "CompatibleRuntimes": names[:15]}
    assert isinstance(answer("POST", f"{LAYERS}/l/versions", body), dict)
    body["CompatibleRuntimes"] = names[:16]
    assert words("POST", f"{LAYERS}/l/versions", body).endswith("Member must have length less than or equal to 15")


def test_empty_lists_of_a_layer_are_valid_and_stay() -> None:
    body: dict[str, Any] = {"Content": {}, "CompatibleRuntimes": [], "CompatibleArchitectures": []}
    params = answer("POST", f"{LAYERS}/l/versions", body)
    assert isinstance(params, dict)
    assert params["CompatibleRuntimes"] == params["CompatibleArchitectures"] == []


# layers §3, §4, §6


def test_a_layer_version_arn_without_the_version() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:layer:l"
    query = f"find=LayerVersion&Arn={arn.replace(':', '%3A')}"
    assert words("GET", LAYERS, query=query) == one(arn, "arn", pattern(LAYER_VERSION))


def test_listing_layers_for_an_unknown_architecture() -> None:
    assert words("GET", LAYERS, query="CompatibleArchitecture=archdoesnotexist") == one(
        "archdoesnotexist", "compatibleArchitecture", "Member must satisfy enum value set: [x86_64, arm64]"
    )


@pytest.mark.parametrize("path", [LAYERS, f"{LAYERS}/l/versions"])
def test_listing_layers_for_an_unknown_runtime(path: str) -> None:
    known = (
        "[ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, dotnetcore2.0, "
        "python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, provided, dotnetcore3.1, dotnet8, "
        "java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, "
        "provided.al2023, nodejs22.x, python3.10, java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, "
        "nodejs14.x, nodejs8.9, nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, "
        "nodejs4.3-edge, nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7]"
    )
    assert words("GET", path, query="CompatibleRuntime=runtimedoesnotexist") == one(
        "runtimedoesnotexist", "compatibleRuntime", f"Member must satisfy enum value set: {known}"
    )


def test_any_action_but_the_one_of_layers() -> None:
    body = {"Action": "*", "StatementId": "s1", "Principal": "*"}
    assert words("POST", f"{LAYERS}/l/versions/1/policy", body) == one("*", "action", pattern("lambda:GetLayerVersion"))


@pytest.mark.parametrize("number", [0, -1])
def test_a_layer_version_below_one_reaches_the_operation(number: int) -> None:
    params = answer("GET", f"{LAYERS}/l/versions/{number}")
    assert params == {"LayerName": "l", "VersionNumber": number}


# layers §7


def test_layers_of_a_function_without_a_version_list_all_constraints_of_the_element() -> None:
    constraints = (
        "Member must have length less than or equal to 2048, Member must have length greater than or equal to 1, "
        f"{pattern(LAYER_VERSION)}, Member must not be null"
    )
    arn = "arn:aws:lambda:us-east-1:000000000000:layer:l"
    assert create(Layers=[arn]) == one(f"[{arn}]", "layers", f"Member must satisfy constraint: [{constraints}]")
    assert create(Layers=[""]) == one("[]", "layers", f"Member must satisfy constraint: [{constraints}]")


# layers §8, api §1.4


def test_a_resource_that_cannot_be_tagged_quotes_the_recorded_pattern() -> None:
    taggable = (
        r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+"
        r"(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:"
        r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
    )
    assert words("GET", "/2017-03-31/tags/nothing") == one("nothing", "resource", pattern(taggable))


def test_tags_take_letters_of_any_script() -> None:
    resource = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"
    for tags in ({"größe": "дом"}, {"字": "1 2"}):
        assert isinstance(answer("POST", f"/2017-03-31/tags/{resource}", {"Tags": tags}), dict)
    assert "Map keys must satisfy constraint: [" in words("POST", f"/2017-03-31/tags/{resource}", {"Tags": {"a*": "b"}})


# api §2.2

MALFORMED = [
    "my-function!",
    "*",
    "invalid-account:function:my-function",
    "arn:aws:lambda:invalid-region:000000000000:function:my-function",
    "arn:aws:lambda::000000000000:function:my-function",
    "arn:aws:lambda:us-east-1::function:my-function",
    "arn:aws:ec2:us-east-1:000000000000:instance:i-1234567890abcdef0",
    f"{ARN}:1:2",
    "function:my-function:$LATEST:extra",
    f"{ARN}:$LATES",
]


@pytest.mark.parametrize("name", [*MALFORMED, "invalid:function:name", f"{ARN}:$LATEST:1", "my-function:invalid!"])
def test_a_malformed_name_to_create(name: str) -> None:
    assert create(FunctionName=name) == one(name, "functionName", pattern(P_CREATE))


@pytest.mark.parametrize("name", [*MALFORMED, "arn:aws:lambda:us-east-1:000000000000@function:myfn"])
@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("DELETE", ""), ("POST", "/invocations")])
def test_a_malformed_name_to_use(name: str, method: str, tail: str) -> None:
    encoded = "".join(char if char.isalnum() else f"%{ord(char):02X}" for char in name)
    path = f"/2015-03-31/functions/{encoded}{tail}"
    assert words(method, path) == one(name, "functionName", pattern(P_NS))


@pytest.mark.parametrize(
    "name", ["f", "000000000000:function:f", ARN, "f:1", f"{ARN}:live", ARN.removesuffix(":my-function"), "n" * 65]
)
def test_every_form_of_a_name_reaches_the_operation(name: str) -> None:
    assert answer("GET", f"/2015-03-31/functions/{name}") == {"FunctionName": name}


def test_a_malformed_qualifier() -> None:
    assert words("GET", "/2015-03-31/functions/my-function", query="Qualifier=invalid%21") == one(
        "invalid!", "qualifier", pattern(P_QUALIFIER)
    )
    assert isinstance(answer("GET", "/2015-03-31/functions/my-function", query="Qualifier=%24latest"), dict)


def test_a_qualifier_that_is_too_long() -> None:
    long = "q" * 129
    limit = "Member must have length less than or equal to"
    assert words("GET", "/2015-03-31/functions/f", query=f"Qualifier={long}") == one(long, "qualifier", f"{limit} 128")
    # It was sent inside the name for CreateFunction, which then is too long as a whole.
    name = f"my-function:{long}"
    assert create(FunctionName=name) == one(name, "functionName", f"{limit} 140")


def test_length_and_pattern_of_one_member_count_twice() -> None:
    name = f"arn:aws:lambda:invalid-region:000000000000:function:{'n' * 181}"
    message = create(FunctionName=name)
    assert message.startswith(f"2 validation errors detected: Value '{name}' at 'functionName' failed")
    assert "length less than or equal to 140; Value" in message
    assert message.endswith(pattern(P_CREATE))
    # Other operations take longer names: only the pattern is told.
    assert words("GET", f"/2015-03-31/functions/{name}") == one(name, "functionName", pattern(P_NS))


@pytest.mark.parametrize("before", ["", ARN.removesuffix("my-function"), "000000000000:", "us-east-1:000000000000:"])
def test_a_name_over_64_characters_cannot_be_created_under_another_code(before: str) -> None:
    refusal = answer("POST", "/2015-03-31/functions", FUNCTION | {"FunctionName": before + "n" * 65})
    assert isinstance(refusal, Invalid)
    assert (refusal.code, refusal.status, refusal.kind) == ("InvalidParameterValueException", 400, "User")
    limit = "Member must have length less than or equal to 64"
    assert refusal.message == one("n" * 65, "functionName", limit)
    assert isinstance(answer("POST", "/2015-03-31/functions", FUNCTION | {"FunctionName": before + "n" * 64}), dict)


# api §5.2, §5.3, §5.7, §12, §13


def test_a_role_that_is_no_arn() -> None:
    assert create(Role="r1") == one(
        "r1", "role", pattern(r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
    )


def test_architectures_of_a_function() -> None:
    assert create(Architectures=["x86_64", "arm64"]) == one(
        "[x86_64, arm64]", "architectures", "Member must have length less than or equal to 1"
    )
    assert create(Architectures=["X86_64"]) == one(
        "[X86_64]",
        "architectures",
        "Member must satisfy constraint: "
        "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
    )


@pytest.mark.parametrize("runtime", ["non-existent-runtime", "PYTHON3.9"])
@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("PUT", "/f/configuration")])
def test_an_unknown_runtime_of_a_function(runtime: str, method: str, path: str) -> None:
    body = FUNCTION | {"Runtime": runtime}
    refusal = answer(method, f"/2015-03-31/functions{path}", body)
    assert isinstance(refusal, Invalid)
    assert (refusal.code, refusal.status, refusal.kind) == ("InvalidParameterValueException", 400, "User")
    assert refusal.message == (
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: {CURRENT} "
        "or be a valid ARN"
    )


@pytest.mark.parametrize("runtime", ["java8", "go1.x", "python3.7", "python3.12"])
def test_a_known_runtime_reaches_the_operation_retired_or_not(runtime: str) -> None:
    assert isinstance(answer("POST", "/2015-03-31/functions", FUNCTION | {"Runtime": runtime}), dict)


def test_a_nested_enum() -> None:
    assert create(SnapStart={"ApplyOn": "invalidOption"}) == one(
        "invalidOption", "snapStart.applyOn", "Member must satisfy enum value set: [PublishedVersions, None]"
    )


@pytest.mark.parametrize(
    ("member", "path", "element"),
    [
        ("SubnetIds", "vpcConfig.subnetIds", "subnet-[0-9a-z]*"),
        ("SecurityGroupIds", "vpcConfig.securityGroupIds", "sg-[0-9a-zA-Z]*"),
    ],
)
def test_malformed_ids_of_a_vpc(member: str, path: str, element: str) -> None:
    assert create(VpcConfig={member: ["x"]}) == one(
        "[x]",
        path,
        "Member must satisfy constraint: [Member must have length less than or equal to 1024, "
        f"Member must have length greater than or equal to 0, {pattern(element)}]",
    )


def test_an_unknown_function_version_filter() -> None:
    assert words("GET", "/2015-03-31/functions", query="FunctionVersion=invalid") == one(
        "invalid", "functionVersion", "Member must satisfy enum value set: [ALL]"
    )


def alias(**members: Any) -> str:
    body = {"Name": "a", "FunctionVersion": "1"} | members
    return words("POST", "/2015-03-31/functions/f/aliases", body)


def test_a_purely_numeric_alias() -> None:
    assert alias(Name="2024") == one("2024", "name", pattern("(?!^[0-9]+$)([a-zA-Z0-9-_]+)"))
    body = {"Name": "2024-01-02", "FunctionVersion": "1"}
    assert isinstance(answer("POST", "/2015-03-31/functions/f/aliases", body), dict)


def test_routing_to_latest() -> None:
    assert alias(RoutingConfig={"AdditionalVersionWeights": {"$LATEST": 0.5}}) == one(
        "{$LATEST=0.5}",
        "routingConfig.additionalVersionWeights",
        "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "
        f"Member must have length greater than or equal to 1, {pattern('[0-9]+')}]",
    )


@pytest.mark.parametrize(("weight", "printed"), [(2, "{2=2.0}"), (-1, "{2=-1.0}")])
def test_a_weight_out_of_range(weight: int, printed: str) -> None:
    assert alias(RoutingConfig={"AdditionalVersionWeights": {"2": weight}}) == one(
        printed,
        "routingConfig.additionalVersionWeights",
        "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
        "Member must have value greater than or equal to 0.0, Member must not be null]",
    )


def test_the_order_of_an_enum_is_the_recorded_one() -> None:
    path = "/2024-08-31/functions/f/recursion-config"
    assert words("PUT", path, {"RecursiveLoop": "x"}) == one(
        "x", "recursiveLoop", "Member must satisfy enum value set: [Terminate, Allow]"
    )


def test_a_number_below_its_minimum() -> None:
    path = "/2019-09-30/functions/f/provisioned-concurrency"
    assert words("PUT", path, {"ProvisionedConcurrentExecutions": 0}, "Qualifier=1") == one(
        "0", "provisionedConcurrentExecutions", "Member must have value greater than or equal to 1"
    )


def test_a_missing_member_is_null_without_quotes() -> None:
    resource = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"
    assert words("DELETE", f"/2017-03-31/tags/{resource}") == (
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
    )
    assert words("POST", "/2015-03-31/functions", {"FunctionName": "f"}).startswith("2 validation errors detected: ")


def test_sensitive_values_are_not_repeated() -> None:
    # As users report it; the digests have no recording of it.
    assert create(Environment={"Variables": {"a-b": "secret"}}) == (
        "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: "
        "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
    )
