"""The server's API inside an environment: boto3 without any setting, for the environment's own credentials alone."""

from __future__ import annotations

import pytest

from tests.support import functions
from tests.support.functions import Inside, unique
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, Server


@pytest.fixture(scope="module")
def inside(shared_server: Server) -> Inside:
    return Inside.on(shared_server, Timeout=30)


def ask(method: str, path: str, headers: dict[str, str]) -> list[object]:
    import http.client

    connection = http.client.HTTPConnection("169.254.100.1", 4566, timeout=60)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return [answer.status, answer.headers["x-amzn-errortype"], answer.read().decode()]


def test_boto3_needs_no_setting_and_sees_the_account_of_the_function(shared_server: Server) -> None:
    name = unique()
    for account in ("000000000000", "123456789012"):
        client = shared_server.client(account=account)
        client.create_function(
            FunctionName=name,
            Runtime=NEWEST,
            Handler="index.handler",
            Role=f"arn:aws:iam::{account}:role/r",
            Timeout=30,
            Code={
                "ZipFile": functions.archive(
                    """
                    import json
                    import boto3

                    def handler(event, context):
                        if event == "inner":
                            return "from inside"
                        client = boto3.client("lambda")
                        arn = client.get_function(FunctionName=context.function_name)["Configuration"]["FunctionArn"]
                        answer = client.invoke(FunctionName=context.function_name, Payload=json.dumps("inner"))
                        return [arn, json.loads(answer["Payload"].read())]
                    """
                )
            },
        )
        function = functions.Function(shared_server, client, name)
        assert function.value() == [f"arn:aws:lambda:us-east-1:{account}:function:{name}", "from inside"]


def test_code_in_a_function_uses_the_services_beside_lambda_in_its_account(
    inside: Inside, shared_server: Server
) -> None:
    def use(bucket: str) -> list[str]:
        import boto3

        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"content" * 1000)
        body = s3.get_object(Bucket=bucket, Key="a b/ü")["Body"].read()
        return [body[:7].decode(), boto3.client("sts").get_caller_identity()["Account"]]

    name = unique("inside")
    assert inside.run(use, name) == ["content", ACCOUNT]
    assert name in [each["Name"] for each in shared_server.client("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_signature_opens_no_account_that_is_claimed_beside_it(
    inside: Inside, shared_server: Server, place: str
) -> None:
    def list_as_other(place: str, other: str) -> list[str]:
        import json
        import os
        import urllib.request

        from botocore.auth import SigV4Auth, SigV4QueryAuth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        key = Credentials(*(os.environ[name] for name in names))
        claim = f"{other}/20260101/us-east-1/lambda/aws4_request"
        url = os.environ["AWS_ENDPOINT_URL"] + "/2015-03-31/functions/"
        if place == "header":
            request = AWSRequest("GET", url)
            SigV4Auth(key, "lambda", "us-east-1").add_auth(request)
            headers = dict(request.headers)
            headers["Authorization"] = headers["Authorization"].replace(
                "Credential=", f"Credential={claim}, Credential=", 1
            )
        else:
            request = AWSRequest("GET", url, params={"X-Amz-Credential": f"Credential={claim}"})
            SigV4QueryAuth(key, "lambda", "us-east-1").add_auth(request)
            url, headers = request.url, {}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
                return [each["FunctionArn"] for each in json.loads(answer.read())["Functions"]]
        except urllib.error.HTTPError as error:
            return [error.headers["x-amzn-errortype"]]

    other = "222222222222"
    shared_server.client(account=other).create_function(
        FunctionName=unique(),
        Runtime=NEWEST,
        Handler="index.handler",
        Role=f"arn:aws:iam::{other}:role/r",
        Code={"ZipFile": functions.archive("def handler(event, context): pass")},
    )
    found = inside.run(list_as_other, place, other)
    assert found
    assert not [arn for arn in found if other in arn]


def test_a_region_that_is_asked_for_is_asked(inside: Inside) -> None:
    def list_in(region: str) -> list[str]:
        import boto3

        return [
            each["FunctionArn"] for each in boto3.client("lambda", region_name=region).list_functions()["Functions"]
        ]

    # Nobody else uses this one, whatever else is tried on the same server.
    assert inside.run(list_in, "mx-central-1") == []


@pytest.mark.parametrize("path", ["/2015-03-31/functions/", "/_lamina/health", "/_localstack/health", "/nothing"])
def test_nothing_is_answered_without_a_signature(inside: Inside, path: str) -> None:
    status, kind, body = inside.run(ask, "GET", path, {})
    assert (status, kind) == (403, "MissingAuthenticationTokenException")
    assert "Missing Authentication Token" in str(body)


def test_a_key_that_would_do_outside_is_not_recognised_inside(inside: Inside) -> None:
    scope = "000000000000/20260101/us-east-1/lambda/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"
    headers = {"Authorization": authorization, "X-Amz-Date": "20260101T000000Z"}
    assert inside.run(ask, "GET", "/2015-03-31/functions/", headers)[:2] == [403, "UnrecognizedClientException"]


def test_credentials_of_another_environment_are_not_recognised(shared_server: Server, inside: Inside) -> None:
    def credentials() -> list[str]:
        import os

        return [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]

    def use(key: str, secret: str, token: str) -> str:
        import boto3
        from botocore.exceptions import ClientError

        client = boto3.client("lambda", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)
        try:
            client.list_functions()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "answered"

    own = inside.run(credentials)
    others = Inside.on(shared_server, Timeout=30).run(credentials)
    assert inside.run(use, *own) == "answered"
    assert inside.run(use, *others) == "UnrecognizedClientException"
    assert inside.run(use, own[0], others[1], own[2]) == "InvalidSignatureException"


def test_loopback_gives_no_more_than_the_address(inside: Inside) -> None:
    def ask_loopback() -> int:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", 4566, timeout=60)
        connection.request("GET", "/2015-03-31/functions/")
        return connection.getresponse().status

    assert inside.run(ask_loopback) == 403


def test_a_presigned_address_made_inside_is_answered(inside: Inside) -> None:
    def presigned() -> list[int]:
        import urllib.error
        import urllib.request

        import boto3

        url = boto3.client("lambda").generate_presigned_url("list_functions", ExpiresIn=60)
        with urllib.request.urlopen(url, timeout=60) as answer:
            good = answer.status
        try:
            urllib.request.urlopen(url.replace("functions", "layers"), timeout=60)
        except urllib.error.HTTPError as error:
            return [good, error.code]
        return [good, 200]

    assert inside.run(presigned) == [200, 403]


def test_archives_are_downloaded_and_uploaded_from_inside(inside: Inside) -> None:
    def copy(name: str, layer: str) -> list[int]:
        import os
        import urllib.request

        import boto3

        client = boto3.client("lambda")
        location = client.get_function(FunctionName=name)["Code"]["Location"]
        with urllib.request.urlopen(location, timeout=60) as answer:
            archive = answer.read()
        own = client.publish_layer_version(LayerName=layer, Content={"ZipFile": archive})
        return [len(archive), own["Content"]["CodeSize"], "AWS_ENDPOINT_URL" in os.environ]

    downloaded, published, told = inside.run(copy, inside.function.name, unique("layer"))
    assert told
    assert downloaded == published > 0


def test_a_function_does_not_read_s3_in_the_name_of_whoever_runs_the_server(inside: Inside) -> None:
    def publish() -> str:
        import boto3

        client = boto3.client("lambda")
        try:
            client.publish_layer_version(LayerName="stolen", Content={"S3Bucket": "private", "S3Key": "secret.zip"})
        except client.exceptions.InvalidParameterValueException as error:
            return str(error)
        return "published"

    # It is the S3 beside Lambda that was asked.
    assert "NoSuchBucket" in inside.run(publish)


def test_a_signature_is_asked_for_wherever_the_path_seems_to_lead(inside: Inside) -> None:
    # By its host it is for a function URL, and it claims to be signed.
    headers = {"Host": f"{'x' * 32}.lambda-url.local", "Authorization": "AWS4-HMAC-SHA256 nothing"}
    status, error, _ = inside.run(ask, "GET", "/_lamina/content/" + "0" * 64, headers)
    assert (status, error) == (403, "IncompleteSignatureException")


def test_more_clients_at_once_than_are_let_in_wait_and_are_answered(inside: Inside) -> None:
    def crowd(count: int) -> list[int]:
        import http.client
        import threading
        from concurrent.futures import ThreadPoolExecutor

        # Without control groups RLIMIT_DATA stands in for the limit of memory, and counts stacks that nobody touches.
        threading.stack_size(256 << 10)

        def one(_number: int) -> int:
            connection = http.client.HTTPConnection("169.254.100.1", 4566, timeout=60)
            connection.request("GET", "/2015-03-31/functions/", headers={"Connection": "close"})
            return connection.getresponse().status

        with ThreadPoolExecutor(count) as threads:
            return sorted(set(threads.map(one, range(count))))

    assert inside.run(crowd, 150) == [403]
