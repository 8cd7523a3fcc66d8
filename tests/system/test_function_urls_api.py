"""Function URLs: their configurations, and the URLs themselves, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from tests.support.functions import Function, create, wait_until
from tests.support.refusals import conflict, not_found, refusal
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

CODE = """
import json
def handler(event, context):
    if event["rawPath"] == "/fail":
        raise ValueError("as told")
    if event["rawPath"] == "/teapot":
        return {"statusCode": 418, "headers": {"x-mine": "yes"}, "cookies": ["a=1"], "body": "short"}
    return {"event": event, "version": context.function_version}
"""
_open = build_opener(ProxyHandler({})).open


@pytest.fixture
def function(shared_server: Server) -> Iterator[Function]:
    made = create(shared_server, CODE)
    yield made
    made.client.delete_function(FunctionName=made.name)


def arn(function: Function, qualifier: str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}" + (qualifier and f":{qualifier}")


def fetch(url: str, body: bytes | None = None, method: str | None = None, **headers: str) -> tuple[int, Any, bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with _open(Request(url, body, names, method=method), timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def make(function: Function, auth: str = "NONE", **settings: Any) -> Any:
    made = function.client.create_function_url_config(FunctionName=function.name, AuthType=auth, **settings)
    assert made.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    return made


def test_a_url_is_created_read_changed_listed_and_deleted(function: Function) -> None:
    client, named = function.client, {"FunctionName": function.name}
    missing = not_found("The resource you requested does not exist.")
    assert refusal(client.get_function_url_config, **named) == missing
    made = make(function, Cors={"AllowOrigins": ["*"], "MaxAge": 5})
    assert made.keys() == {"FunctionUrl", "FunctionArn", "AuthType", "Cors", "CreationTime", "InvokeMode"}
    assert (made["FunctionArn"], made["InvokeMode"]) == (arn(function), "BUFFERED")
    again = refusal(client.create_function_url_config, AuthType="NONE", **named)
    assert again == conflict(
        f"Failed to create function url config for [functionArn = {arn(function)}]. "
        "Error message:  FunctionUrlConfig exists for this Lambda function"
    )
    changed = client.update_function_url_config(AuthType="AWS_IAM", **named)
    assert (changed["AuthType"], changed["Cors"]) == ("AWS_IAM", made["Cors"])
    found = client.get_function_url_config(**named)
    assert (found["FunctionUrl"], found["CreationTime"]) == (made["FunctionUrl"], made["CreationTime"])
    assert found["LastModifiedTime"] == changed["LastModifiedTime"]
    [listed] = client.list_function_url_configs(**named)["FunctionUrlConfigs"]
    assert listed["FunctionUrl"] == made["FunctionUrl"]
    assert client.delete_function_url_config(**named)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for operation in (client.delete_function_url_config, client.update_function_url_config):
        assert refusal(operation, **named) == missing
    assert fetch(made["FunctionUrl"])[0] == 404


def test_what_cannot_have_a_url_is_refused(function: Function) -> None:
    make_url = function.client.create_function_url_config
    absent = not_found("Function does not exist")
    assert refusal(make_url, FunctionName="missing", AuthType="NONE") == absent
    assert refusal(make_url, FunctionName=function.name, Qualifier="nope", AuthType="NONE") == absent
    numbered = refusal(make_url, FunctionName=function.name, Qualifier="1", AuthType="NONE")
    assert numbered[:2] == (400, "ValidationException")


def test_a_request_to_the_url_runs_the_function(function: Function) -> None:
    url = make(function)["FunctionUrl"]
    status, headers, body = fetch(f"{url}a/b?x=1", b'{"k": 1}', Content_Type="application/json", Cookie="c=1")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    told = json.loads(body)
    assert told["version"] == "$LATEST"
    event = told["event"]
    assert (event["rawPath"], event["rawQueryString"], event["cookies"]) == ("/a/b", "x=1", ["c=1"])
    assert (event["body"], event["requestContext"]["http"]["method"]) == ('{"k": 1}', "POST")
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["requestId"] == headers["x-amzn-RequestId"]
    status, headers, body = fetch(f"{url}teapot")
    assert (status, headers["x-mine"], headers["Set-Cookie"], body) == (418, "yes", "a=1", b"short")
    assert fetch(f"{url}fail")[0] == 502
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    assert fetch(url)[0] == 429


def test_a_host_name_of_the_urls_own_leads_to_it_too(function: Function) -> None:
    url = urlsplit(make(function)["FunctionUrl"])
    url_id = url.path.strip("/").rpartition("/")[2]
    status, _, body = fetch(f"http://{url.netloc}/root", Host=f"{url_id}.lambda-url.{REGION}.localhost")
    assert (status, json.loads(body)["event"]["rawPath"]) == (200, "/root")


def test_a_url_with_aws_iam_asks_for_a_signature(function: Function) -> None:
    url = make(function, "AWS_IAM")["FunctionUrl"]
    assert fetch(url)[0] == 403
    status, _, body = fetch(url, Authorization="AWS4-HMAC-SHA256 Credential=a/b/c/lambda/aws4_request")
    iam = json.loads(body)["event"]["requestContext"]["authorizer"]["iam"]
    assert (status, iam["accountId"], iam["userArn"]) == (200, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")


def test_pages_of_other_sites_are_answered_as_cors_says(function: Function) -> None:
    url = make(function, Cors={"AllowOrigins": ["https://a.test"], "AllowMethods": ["PUT"]})["FunctionUrl"]
    status, headers, _ = fetch(url, method="OPTIONS", Origin="https://a.test", Access_Control_Request_Method="PUT")
    assert (status, headers["Access-Control-Allow-Methods"]) == (200, "PUT")
    status, headers, _ = fetch(url, Origin="https://a.test")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://a.test")
    status, headers, _ = fetch(url, Origin="https://b.test")
    assert "Access-Control-Allow-Origin" not in headers


def test_an_aliass_url_runs_its_version_and_goes_with_it(function: Function) -> None:
    client, named = function.client, {"FunctionName": function.name}
    wait_until(lambda: function.settled, 30)
    version = client.publish_version(**named)["Version"]
    client.create_alias(Name="live", FunctionVersion=version, **named)
    made = make(function, Qualifier="live")
    assert made["FunctionArn"] == arn(function, "live")
    assert json.loads(fetch(made["FunctionUrl"])[2])["version"] == version
    client.delete_alias(Name="live", **named)
    assert fetch(made["FunctionUrl"])[0] == 404
