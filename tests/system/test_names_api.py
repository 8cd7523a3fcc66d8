"""How functions may be named, and what every wrong name is answered. Numbers are sections of AWS's behaviour."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.functions import Function, archive, create, unique, wait_until
from tests.support.refusals import P_CREATE, P_QUALIFIER, invalid, not_found, refusal, violation
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, ROLE, Server

pytestmark = pytest.mark.anybody

P_NAMESPACED = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
PATTERN = "Member must satisfy regular expression pattern: "
PREFIX = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
MALFORMED = [
    "my-function!",
    "*",
    "invalid:function:name",
    "invalid-account:function:my-function",
    f"arn:aws:lambda:invalid-region:{ACCOUNT}:function:my-function",
    f"arn:aws:lambda::{ACCOUNT}:function:my-function",
    f"arn:aws:lambda:{REGION}::function:my-function",
    f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance:i-1234567890abcdef0",
    f"{PREFIX}:my-function:1:2",
    "function:my-function:$LATEST:extra",
    f"{PREFIX}:my-function:$LATES",
    f"arn:aws:lambda:{REGION}:{ACCOUNT}@function:myfn",
]


@pytest.fixture(scope="module")
def client(shared_server: Server) -> Any:
    return shared_server.client(parameter_validation=False)


@pytest.fixture(scope="module")
def function(shared_server: Server) -> Function:
    made = create(shared_server, "def handler(event, context): return event", Publish=True)
    wait_until(lambda: made.settled, 30)
    return made


def creating(client: Any, name: str) -> tuple[int, str, str | None]:
    code = {"ZipFile": archive("x = 1")}
    return refusal(
        client.create_function, FunctionName=name, Runtime=NEWEST, Handler="index.handler", Role=ROLE, Code=code
    )


def using(client: Any) -> list[Any]:
    return [client.get_function, client.get_function_configuration, client.invoke, client.delete_function]


@pytest.mark.parametrize("name", MALFORMED)
def test_2_2_malformed_names(client: Any, name: str) -> None:
    assert creating(client, name) == violation(f"'{name}'", "functionName", PATTERN + P_CREATE)
    for call in using(client):
        assert refusal(call, FunctionName=name) == violation(f"'{name}'", "functionName", PATTERN + P_NAMESPACED)


@pytest.mark.parametrize(
    ("name", "qualifier"), [(f"{PREFIX}:f:$LATEST", "1"), (f"{PREFIX}:f", "$latest"), ("my-function", "invalid!")]
)
def test_2_2_a_name_to_create_has_no_qualifier_of_another_form(client: Any, name: str, qualifier: str) -> None:
    sent = f"{name}:{qualifier}"
    assert creating(client, sent) == violation(f"'{sent}'", "functionName", PATTERN + P_CREATE)


def test_2_2_qualifiers(client: Any) -> None:
    mismatch = invalid("The derived qualifier from the function name does not match the specified qualifier.")
    long = "a" * 129
    for call in using(client):
        assert refusal(call, FunctionName=f"{PREFIX}:f:$LATEST", Qualifier="1") == mismatch
        assert refusal(call, FunctionName="f", Qualifier="invalid!") == violation(
            "'invalid!'", "qualifier", PATTERN + P_QUALIFIER
        )
        assert refusal(call, FunctionName="f", Qualifier=long) == violation(
            f"'{long}'", "qualifier", "Member must have length less than or equal to 128"
        )
        both = refusal(call, FunctionName="*", Qualifier=long)
        assert both[:2] == (400, "ValidationException")
        assert both[2] is not None
        assert both[2].startswith("2 validation errors detected: ")


def test_2_2_lengths(client: Any) -> None:
    name = "a" * 65
    at_most = "Member must have length less than or equal to"
    assert creating(client, name) == invalid(
        f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: {at_most} 64"
    )
    arn = f"{PREFIX}:{'a' * (141 - len(PREFIX) - 1)}"
    assert creating(client, arn) == violation(f"'{arn}'", "functionName", f"{at_most} 140")
    both = creating(client, f"arn:aws:lambda:invalid-region:{ACCOUNT}:function:{'a' * 120}")[2]
    assert both is not None
    assert both.startswith("2 validation errors detected: ")
    assert f"{at_most} 140; " in both
    assert refusal(client.get_function, FunctionName=name) == not_found(f"Function not found: {PREFIX}:{name}")
    assert refusal(client.invoke, FunctionName=name) == not_found(f"Function not found: {PREFIX}:{name}:$LATEST")
    assert refusal(client.delete_function, FunctionName=name) == not_found(f"Function not found: {PREFIX}:{name}")


def test_2_1_an_arn_that_ends_after_function_names_one_called_so(client: Any) -> None:
    for call in (client.get_function, client.delete_function):
        assert refusal(call, FunctionName=PREFIX) == not_found(f"Function not found: {PREFIX}:function")
    assert refusal(client.invoke, FunctionName=PREFIX) == not_found(f"Function not found: {PREFIX}:function:$LATEST")


@pytest.mark.parametrize("form", ["{name}", "{account}:function:{name}", "{arn}", "function:{name}"])
def test_2_1_every_form_of_a_name_creates_and_finds(client: Any, form: str) -> None:
    name = unique()
    named = form.format(name=name, account=ACCOUNT, arn=f"{PREFIX}:{name}")
    made = client.create_function(
        FunctionName=named, Runtime=NEWEST, Handler="index.handler", Role=ROLE, Code={"ZipFile": archive("x = 1")}
    )
    assert (made["FunctionName"], made["FunctionArn"]) == (name, f"{PREFIX}:{name}")
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    assert client.get_function_configuration(FunctionName=named)["FunctionName"] == name
    assert client.update_function_configuration(FunctionName=named, Description="d")["FunctionName"] == name
    client.delete_function(FunctionName=named)


@pytest.mark.parametrize(
    ("name", "qualifier", "shown", "version"),
    [
        ("{name}", None, "{arn}", "$LATEST"),
        ("{name}:$LATEST", None, "{arn}:$LATEST", "$LATEST"),
        ("{name}", "$LATEST", "{arn}:$LATEST", "$LATEST"),
        ("{arn}:1", None, "{arn}:1", "1"),
        ("{arn}:1", "1", "{arn}:1", "1"),
        ("{name}:1", None, "{arn}:1", "1"),
        ("{name}", "1", "{arn}:1", "1"),
    ],
)
def test_3_4_the_arn_is_as_qualified_as_it_was_asked_for(
    function: Function, name: str, qualifier: str | None, shown: str, version: str
) -> None:
    forms = {"name": function.name, "arn": f"{PREFIX}:{function.name}"}
    named = {"FunctionName": name.format(**forms)} | ({} if qualifier is None else {"Qualifier": qualifier})
    configuration = function.client.get_function(**named)["Configuration"]
    assert (configuration["FunctionArn"], configuration["Version"]) == (shown.format(**forms), version)
    again = function.client.get_function_configuration(**named)
    del again["ResponseMetadata"]
    assert again == configuration


def test_2_3_functions_of_other_regions_cannot_be_reached(client: Any) -> None:
    far = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:f"
    told = not_found(f"Functions from 'eu-central-1' are not reachable in this region ('{REGION}')")
    assert creating(client, far) == told
    for call in using(client):
        assert refusal(call, FunctionName=far) == told


def test_2_4_what_is_missing_is_named(client: Any) -> None:
    name = unique()
    arn = f"{PREFIX}:{name}"
    for call in (client.get_function, client.get_function_configuration, client.delete_function):
        assert refusal(call, FunctionName=name) == not_found(f"Function not found: {arn}")
    for qualifier in ("$LATEST", "1", "alias", "$latest"):
        for call in (client.get_function, client.get_function_configuration, client.invoke):
            assert refusal(call, FunctionName=name, Qualifier=qualifier) == not_found(
                f"Function not found: {arn}:{qualifier}"
            )
    for qualifier in ("1233", "$latest"):
        assert refusal(client.delete_function, FunctionName=name, Qualifier=qualifier) == not_found(
            f"Function not found: {arn}"
        )
    assert refusal(client.invoke, FunctionName=name) == not_found(f"Function not found: {arn}:$LATEST")
