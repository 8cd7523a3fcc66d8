"""A server with accounts: who is answered, as whom, and for what."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from lamina.accounts import AccessKey, Policy, update
from tests.support import zips
from tests.support.functions import unique
from tests.support.runtimes import NEWEST
from tests.support.server import REGION, ROLE, Server

pytestmark = pytest.mark.anybody

ONE, TWO, APART = "111122223333", "444455556666", "777788889999"
ORGANIZATION = "o-a1b2c3d4e5"
LAMINA = [sys.executable, "-m", "lamina"]


@dataclass(frozen=True)
class Guarded:
    """A server with accounts, and the keys of their users."""

    server: Server
    accounts: Path
    keys: dict[str, Credentials]

    def client(self, user: str, service: str = "lambda", token: str | None = None, **config: Any) -> Any:
        key = self.keys[user]
        return boto3.session.Session().client(
            service,
            endpoint_url=self.server.endpoint,
            region_name=REGION,
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=60, **config),
        )


def lamina_account(accounts: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*LAMINA, "account", *arguments, "--accounts", str(accounts)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def key_of(accounts: Path, *arguments: str) -> Credentials:
    done = lamina_account(accounts, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    return Credentials(made["access_key_id"], made["secret_access_key"])


def added(
    accounts: Path, account: str, user: str, policy: Policy = Policy.FULL, organization: str | None = None
) -> Credentials:
    """A user's key, as `lamina account add` makes it, in less time."""
    key = AccessKey.new(os.urandom, "2026-11-21T00:00:00Z")
    update(accounts, lambda register: register.added(account, user, policy, key, organization))
    return Credentials(key.id, key.secret)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("accounts")
    accounts = folder / "accounts.json"
    keys = {
        "one": key_of(accounts, "add", ONE, "--org", ORGANIZATION),
        "reader": added(accounts, ONE, "reader", Policy.READ_ONLY),
        "deployer": added(accounts, ONE, "deployer", Policy.DEPLOY_ONLY),
        "two": added(accounts, TWO, "admin", organization=ORGANIZATION),
        "apart": added(accounts, APART, "admin"),
        "nobody": Credentials("AKIANOBODYHASTHIS000", "secret"),
        "twelve": Credentials(ONE, "test"),
    }
    with Server.started(folder / "state", None, "--accounts", str(accounts)) as server:
        yield Guarded(server, accounts, keys)


def refusal(client: Any, operation: str, **parameters: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def publish(client: Any, name: str) -> str:
    content = {"ZipFile": zips.of({"python/shared.py": b"WHO = 'somebody'"})}
    arn: str = client.publish_layer_version(LayerName=name, Content=content)["LayerVersionArn"]
    return arn


def create_function(client: Any, name: str, code: str = "def handler(e, c): return 'done'", **more: Any) -> None:
    client.create_function(
        FunctionName=name,
        Runtime=NEWEST,
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": zips.of({"index.py": code.encode()})},
        **more,
    )


def send(guarded: Guarded, request: AWSRequest) -> tuple[int, Any]:
    """The status and the JSON that *request* is answered with as it stands."""
    url = urlsplit(str(request.url))
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    try:
        target = f"{url.path}?{url.query}" if url.query else url.path
        connection.request(str(request.method), target, request.data or None, dict(request.headers.items()))
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body.startswith(b"{") else body
    finally:
        connection.close()


def aws(guarded: Guarded, key: Credentials, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command, signing with *key*."""
    return subprocess.run(
        [sys.executable, "-m", "awscli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={
            **os.environ,
            "AWS_ENDPOINT_URL": guarded.server.endpoint,
            "AWS_ACCESS_KEY_ID": key.access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
    )


def test_each_account_sees_its_own(guarded: Guarded) -> None:
    name = unique("layer")
    arn = publish(guarded.client("one"), name)
    assert f":{ONE}:layer:{name}:1" in arn
    listed = [layer["LayerName"] for layer in guarded.client("two").list_layers()["Layers"]]
    assert name not in listed
    assert refusal(guarded.client("two"), "get_layer_version_by_arn", Arn=arn)[:2] == (403, "AccessDeniedException")


@pytest.mark.parametrize("who", ["nobody", "twelve"])
def test_a_key_that_is_nobodys_is_refused(guarded: Guarded, who: str) -> None:
    message = "The security token included in the request is invalid."
    assert refusal(guarded.client(who), "list_functions") == (403, "UnrecognizedClientException", message)
    assert refusal(guarded.client(who, "logs"), "describe_log_groups")[1] == "UnrecognizedClientException"
    assert refusal(guarded.client(who, "cloudformation"), "list_stacks")[1] == "InvalidClientTokenId"


def test_the_aws_command_is_answered_with_a_key_and_not_with_another(guarded: Guarded) -> None:
    listing = "lambda", "list-layers", "--output", "json"
    assert "Layers" in json.loads(aws(guarded, guarded.keys["two"], *listing).stdout)
    wrong = aws(guarded, Credentials(guarded.keys["two"].access_key, "not-its-secret"), *listing)
    assert wrong.returncode != 0
    assert "InvalidSignatureException" in wrong.stderr


def test_a_presigned_request_is_answered_until_it_is_changed(guarded: Guarded) -> None:
    request = AWSRequest("GET", f"{guarded.server.endpoint}/2018-10-31/layers?MaxItems=5")
    SigV4QueryAuth(guarded.keys["one"], "lambda", REGION, expires=60).add_auth(request)
    assert send(guarded, request)[0] == 200
    request.url = str(request.url).replace("MaxItems=5", "MaxItems=6")
    status, answer = send(guarded, request)
    assert (status, answer["message"][:41]) == (403, "The request signature we calculated does ")


def test_an_unsigned_request_is_refused_but_for_what_tells_that_the_server_is_there(guarded: Guarded) -> None:
    status, answer = send(guarded, AWSRequest("GET", f"{guarded.server.endpoint}/2015-03-31/functions/"))
    assert (status, answer["message"]) == (403, "Missing Authentication Token")
    assert send(guarded, AWSRequest("GET", f"{guarded.server.endpoint}/_lamina/health"))[0] == 200
    assert send(guarded, AWSRequest("GET", f"{guarded.server.endpoint}/_lamina/anything"))[0] == 403


def test_a_body_that_is_not_the_one_that_was_signed_does_nothing(guarded: Guarded) -> None:
    """Also when it is so large that it is read as it comes."""
    name = unique("forged")
    request = AWSRequest()
    for content in (b"small", os.urandom(3_000_000)):
        body = json.dumps({"Content": {"ZipFile": _base64(zips.of({"data": content}))}}).encode()
        url = f"{guarded.server.endpoint}/2018-10-31/layers/{name}/versions"
        request = AWSRequest("POST", url, data=body)
        SigV4Auth(guarded.keys["one"], "lambda", REGION).add_auth(request)
        assert send(guarded, AWSRequest("POST", url, dict(request.headers.items()), body[:-1] + b" }"))[0] == 403
        assert guarded.client("one").list_layer_versions(LayerName=name)["LayerVersions"] == []
    incoming = [path for path in (guarded.server.state / "blobs").rglob("*") if path.parent.name == "incoming"]
    assert incoming == []
    assert send(guarded, request)[0] == 201


def test_of_a_caller_who_is_nobody_a_large_body_is_not_taken_in(guarded: Guarded) -> None:
    url = urlsplit(guarded.server.endpoint)
    request = AWSRequest("POST", f"{guarded.server.endpoint}/2018-10-31/layers/l/versions", data=b"{}")
    SigV4Auth(guarded.keys["nobody"], "lambda", REGION).add_auth(request)
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    try:
        headers = {**dict(request.headers.items()), "Content-Length": str(50_000_000)}
        connection.putrequest("POST", "/2018-10-31/layers/l/versions")
        for header, value in headers.items():
            connection.putheader(header, value)
        connection.endheaders()
        # Far less than was announced: the answer does not wait for the rest.
        connection.send(b'{"Content":{"ZipFile":"' + b"A" * 400_000)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["message"]) == (
            403,
            "The security token included in the request is invalid.",
        )
    finally:
        connection.close()


def test_a_read_only_key_reads_and_a_deploy_only_key_takes_nothing_away(guarded: Guarded) -> None:
    name = unique("policies")
    reader, deployer = guarded.client("reader"), guarded.client("deployer")
    publish(deployer, name)
    assert reader.list_layer_versions(LayerName=name)["LayerVersions"]
    content = {"ZipFile": zips.of({"x": b""})}
    message = (
        f"User: arn:aws:iam::{ONE}:user/reader is not authorized to perform: lambda:PublishLayerVersion on resource: "
        f"arn:aws:lambda:{REGION}:{ONE}:layer:{name} because no identity-based policy allows the "
        "lambda:PublishLayerVersion action"
    )
    refused = refusal(reader, "publish_layer_version", LayerName=name, Content=content)
    assert refused == (403, "AccessDeniedException", message)
    for operation, more in (
        ("delete_layer_version", {}),
        ("add_layer_version_permission", {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}),
    ):
        refused = refusal(deployer, operation, LayerName=name, VersionNumber=1, **more)
        assert refused[:2] == (403, "AccessDeniedException")
    assert refusal(guarded.client("reader", "cloudformation"), "delete_stack", StackName="s")[1] == "AccessDenied"
    guarded.client("one").delete_layer_version(LayerName=name, VersionNumber=1)


def test_layers_cross_accounts_as_their_policy_says(guarded: Guarded) -> None:
    owner, member, stranger = guarded.client("one"), guarded.client("two"), guarded.client("apart")
    name = unique("crossing")
    arn = publish(owner, name)

    def grant(sid: str, principal: str, **more: str) -> None:
        action = "lambda:GetLayerVersion"
        owner.add_layer_version_permission(
            LayerName=name, VersionNumber=1, StatementId=sid, Action=action, Principal=principal, **more
        )

    for client in (member, stranger):
        assert refusal(client, "get_layer_version_by_arn", Arn=arn)[1] == "AccessDeniedException"
    grant("org", "*", OrganizationId=ORGANIZATION)
    create_function(member, unique("member"), Layers=[arn])
    assert refusal(stranger, "get_layer_version_by_arn", Arn=arn)[1] == "AccessDeniedException"
    grant("account", APART)
    stranger.get_layer_version_by_arn(Arn=arn)
    owner.remove_layer_version_permission(LayerName=name, VersionNumber=1, StatementId="account")
    with pytest.raises(ClientError, match="not authorized to perform: lambda:GetLayerVersion"):
        create_function(stranger, unique("stranger"), Layers=[arn])
    grant("everybody", "*")
    create_function(stranger, unique("stranger"), Layers=[arn])


def test_a_key_works_until_it_is_taken_away(guarded: Guarded) -> None:
    guarded.keys["rotating"] = added(guarded.accounts, TWO, "rotating")
    before = guarded.client("rotating")
    before.list_functions()
    old = guarded.keys["rotating"].access_key
    guarded.keys["rotating"] = key_of(guarded.accounts, "rotate", TWO, "--user", "rotating")
    for client in (before, guarded.client("rotating")):
        client.list_functions()
    assert lamina_account(guarded.accounts, "remove", TWO, "--key", old).returncode == 0
    assert refusal(before, "list_functions")[1] == "UnrecognizedClientException"
    assert lamina_account(guarded.accounts, "policy", TWO, "invoke-only", "--user", "rotating").returncode == 0
    assert refusal(guarded.client("rotating"), "list_functions")[1] == "AccessDeniedException"
    guarded.accounts.chmod(0o644)
    try:
        # What was read last stays in force.
        guarded.client("two").list_functions()
    finally:
        guarded.accounts.chmod(0o600)
    assert "its mode is 0644" in guarded.server.said()


def test_no_secret_is_shown_or_logged(guarded: Guarded) -> None:
    listed = lamina_account(guarded.accounts, "list", "--json").stdout
    assert guarded.keys["one"].access_key in listed
    for key in guarded.keys.values():
        if key.access_key.startswith("AKIA") and key.secret_key != "secret":
            assert key.secret_key not in listed + guarded.server.said()
            assert key.secret_key in guarded.accounts.read_text() or key is guarded.keys["rotating"]


def test_a_function_url_asks_for_a_signature_that_is_right(guarded: Guarded) -> None:
    one = guarded.client("one")
    name = unique("url")
    create_function(one, name, "def handler(e, c): return e['requestContext']")
    url = one.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")["FunctionUrl"]

    def asked(who: str | None) -> tuple[int, Any]:
        request = AWSRequest("GET", url)
        if who is not None:
            SigV4Auth(guarded.keys[who], "lambda", REGION).add_auth(request)
        return send(guarded, request)

    def called(who: str | None) -> int:
        return asked(who)[0]

    statuses = {who: called(who) for who in (None, "nobody", "two", "reader", "one")}
    assert statuses == {None: 403, "nobody": 403, "two": 403, "reader": 403, "one": 200}
    one.add_permission(
        FunctionName=name,
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal=TWO,
        FunctionUrlAuthType="AWS_IAM",
    )
    status, context = asked("two")
    assert status == 200
    iam = context["authorizer"]["iam"]
    assert context["accountId"] == ONE
    assert (iam["accessKey"], iam["accountId"]) == (guarded.keys["two"].access_key, TWO)
    assert (iam["userArn"], iam["principalOrgId"]) == (f"arn:aws:iam::{TWO}:user/admin", ORGANIZATION)
    assert iam["callerId"] == iam["userId"] != asked("one")[1]["authorizer"]["iam"]["userId"]
    one.update_function_url_config(FunctionName=name, AuthType="NONE")
    assert called(None) == 200
    bearer = AWSRequest("GET", url, {"Authorization": "Bearer of-its-own"})
    assert send(guarded, bearer)[0] == 200


def test_code_inside_has_its_own_accounts_rights_without_a_key_of_the_file(guarded: Guarded) -> None:
    one = guarded.client("one")
    name = unique("inside")
    code = """
import boto3
def handler(event, context):
    return boto3.client("lambda").get_function(FunctionName=context.function_name)["Configuration"]["FunctionArn"]
"""
    create_function(one, name, code, Timeout=60, MemorySize=512)
    answer = one.invoke(FunctionName=name)
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    assert payload.endswith(f":{ONE}:function:{name}")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "Application/X-WWW-Form-Urlencoded"}, "Action={action}&{name}&Version=2010-03-31"),
        (
            {"Content-Type": "multipart/form-data; boundary=z"},
            '--z\r\nContent-Disposition: form-data; name="Action"\r\n\r\n{action}\r\n--z--\r\n',
        ),
        ({"X-Amz-Target": "X.ListTopics"}, "Action={action}&{name}"),
        ({"Action": "{action}"}, ""),
    ],
    ids=["form", "parts", "target", "header"],
)
def test_no_way_to_write_a_question_hides_what_it_asks_for(
    guarded: Guarded, headers: dict[str, str], body: str
) -> None:
    """What answers for AWS's services believes more of what a question says than they do."""
    topic = guarded.client("two", "sns").create_topic(Name="theirs")["TopicArn"]
    for user, action, name in (
        ("one", "GetTopicAttributes", f"TopicArn={topic}"),
        ("reader", "CreateTopic", "Name=hidden"),
    ):
        told = {key: value.format(action=action) for key, value in headers.items()}
        for path in ("/", "//"):
            said = body.format(action=action, name=name).encode()
            request = AWSRequest("POST", f"{guarded.server.endpoint}{path}", data=said, headers=told)
            SigV4Auth(guarded.keys[user], "sns", REGION).add_auth(request)
            assert send(guarded, request)[0] >= 400
    assert guarded.client("one", "sns").list_topics()["Topics"] == []


def test_services_beside_lambda_ask_for_signatures_too_and_refuse_in_their_own_words(guarded: Guarded) -> None:
    # For addresses boto3 would take version 2 of signatures, which nothing here verifies.
    s3 = guarded.client("one", "s3", signature_version="s3v4")
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"kept")
    assert s3.get_object(Bucket=bucket, Key="a b")["Body"].read() == b"kept"
    presigned = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    assert send(guarded, AWSRequest("GET", presigned)) == (200, b"kept")
    assert send(guarded, AWSRequest("GET", f"{presigned[:-1]}{'0' if presigned[-1] != '0' else '1'}"))[0] == 403
    assert send(guarded, AWSRequest("GET", f"{guarded.server.endpoint}/{bucket}/a%20b"))[0] == 403
    old = guarded.client("one", "s3", signature_version="s3").generate_presigned_url("list_buckets", {}, ExpiresIn=60)
    status, answer = send(guarded, AWSRequest("GET", old))
    assert (status, b"<Code>InvalidRequest</Code>" in answer, b"signature_version s3v4" in answer) == (400, True, True)
    identity = guarded.client("reader", "sts").get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (ONE, f"arn:aws:iam::{ONE}:user/reader")
    nobody = guarded.client("nobody", "s3")
    assert refusal(nobody, "get_object", Bucket=bucket, Key="a b")[1] == "InvalidAccessKeyId"
    assert refusal(guarded.client("two", "s3"), "get_object", Bucket=bucket, Key="a b")[0] in (403, 404)
    deployer = guarded.client("deployer", "s3")
    deployer.put_object(Bucket=bucket, Key="c", Body=b"new")
    assert refusal(deployer, "delete_object", Bucket=bucket, Key="c")[1] == "AccessDenied"
    assert refusal(guarded.client("reader", "ssm"), "put_parameter", Name="n", Value="v")[1] == "AccessDeniedException"
    assert refusal(guarded.client("nobody", "iam"), "list_roles")[1] == "InvalidClientTokenId"


def signed_for(guarded: Guarded, service: str, body: bytes) -> AWSRequest:
    """A question to *service* that says *body*."""
    request = AWSRequest("POST", f"{guarded.server.endpoint}/", data=body)
    SigV4Auth(guarded.keys["one"], service, REGION).add_auth(request)
    return request


def test_metrics_that_an_sdk_packs_are_kept_and_the_signature_is_over_what_was_sent(
    guarded: Guarded, tmp_path: Path
) -> None:
    sent: list[Any] = []
    client = guarded.client("one", "cloudwatch")
    client.meta.events.register("before-send.*.*", lambda request, **_: sent.append(request))
    measured = [{"MetricName": f"m{number}{'-' * 100}", "Value": 1.0} for number in range(100)]
    client.put_metric_data(Namespace="packed", MetricData=measured)
    assert sent[0].headers["Content-Encoding"] in (b"gzip", "gzip")
    assert len({each["MetricName"] for each in client.list_metrics(Namespace="packed")["Metrics"]}) == 100
    by_command = tmp_path / "measured.json"
    by_command.write_text(json.dumps({"Namespace": "by command", "MetricData": measured}))
    put = aws(guarded, guarded.keys["one"], "cloudwatch", "put-metric-data", "--cli-input-json", f"file://{by_command}")
    assert put.returncode == 0, put.stderr
    assert client.list_metrics(Namespace="by command")["Metrics"]
    assert guarded.client("two", "cloudwatch").list_metrics()["Metrics"] == []
    # What was unpacked is what is judged.
    reader = guarded.client("reader", "cloudwatch")
    assert refusal(reader, "put_metric_data", Namespace="packed", MetricData=measured)[0] == 403


def test_a_packed_body_is_believed_no_more_than_another(guarded: Guarded) -> None:
    said = {"Namespace": "forged", "MetricData": [{"MetricName": "m", "Value": 1.0}]}
    packed = gzip.compress(json.dumps(said).encode())
    told = {
        "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
        "Content-Type": "application/x-amz-json-1.0",
        "Content-Encoding": "gzip",
    }

    def put(signed: bytes, body: bytes, **other: str) -> tuple[int, Any]:
        request = AWSRequest("POST", f"{guarded.server.endpoint}/", data=signed, headers={**told, **other})
        SigV4Auth(guarded.keys["one"], "monitoring", REGION).add_auth(request)
        return send(guarded, AWSRequest("POST", request.url, dict(request.headers.items()), body))

    bomb = gzip.compress(bytes(30_000_000))
    assert put(json.dumps(said).encode(), packed)[0] == 403
    assert put(packed, json.dumps(said).encode())[0] == 403
    assert put(packed, gzip.compress(json.dumps(said).encode(), 1) + b" ")[0] == 403
    status, answer = put(bomb, bomb)
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")
    status, answer = send(guarded, signed_for(guarded, "sns", b"&" * (16 * 1024 * 1024 + 1)))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")
    for damaged in (packed[:-5], packed[:20] + b"\0\0" + packed[22:], b"none of it", packed + packed):
        status, answer = put(damaged, damaged)
        assert (status, answer["__type"]) in ((400, "SerializationException"), (413, "RequestEntityTooLargeException"))
    status, answer = put(packed, packed, **{"Content-Encoding": "br"})
    assert (status, "packed with gzip alone" in answer["message"]) == (415, True)
    client = guarded.client("one", "cloudwatch")
    assert client.list_metrics(Namespace="forged")["Metrics"] == []
    assert put(packed, packed)[0] == 200
    assert len(client.list_metrics(Namespace="forged")["Metrics"]) == 1


def test_who_is_wrong_too_often_waits_behind_a_proxy_too_and_his_neighbour_does_not(tmp_path: Path) -> None:
    keys = {
        "one": added(tmp_path / "accounts.json", ONE, "admin"),
        "two": added(tmp_path / "accounts.json", TWO, "admin"),
    }
    wrong = Credentials(keys["one"].access_key, "not-its-secret")
    options = ("--accounts", str(tmp_path / "accounts.json"), "--trusted-proxy", "127.0.0.1")
    with Server.started(tmp_path / "state", {"LAMINA_MAX_FAILED_SIGNATURES": "3"}, *options) as server:
        guarded = Guarded(server, tmp_path / "accounts.json", keys)

        def ask(key: Credentials, client: str, size: int = 0) -> tuple[int, Any]:
            request = AWSRequest("POST", f"{server.endpoint}/2018-10-31/layers/l/versions", data=b" " * size + b"{}")
            SigV4Auth(key, "lambda", REGION).add_auth(request)
            request.headers["X-Forwarded-For"] = client
            return send(guarded, request)

        assert ask(wrong, "192.0.2.7")[0] == 403
        assert ask(keys["two"], "192.0.2.7")[0] == 400
        for size in (0, 1_000_000):
            # By and by it may try again: of so many at once some may not.
            tried = [ask(wrong, "192.0.2.7", size) for _ in range(8)]
            reasons = {status: answer.get("Reason") for status, answer in tried}
            assert reasons[429] == "CallerRateLimitExceeded"
            assert reasons.keys() <= {403, 429}
        assert ask(keys["two"], "192.0.2.7")[0] == 400
        assert ask(keys["one"], "192.0.2.8")[0] == 400
        assert [ask(wrong, "127.0.0.1")[0] for _ in range(5)] == [403] * 5
    assert server.said().count("192.0.2.7 has sent as many wrong signatures as it may") == 1


def test_a_session_is_as_good_as_who_began_it_and_ends_with_him(guarded: Guarded) -> None:
    guarded.keys["leaving"] = added(guarded.accounts, ONE, "leaving", Policy.DEPLOY_ONLY)
    sts = guarded.client("leaving", "sts")
    role = {"RoleArn": f"arn:aws:iam::{ONE}:role/deploys", "RoleSessionName": "ci"}
    assumed = sts.assume_role(**role)["Credentials"]
    guarded.keys["session"] = Credentials(assumed["AccessKeyId"], assumed["SecretAccessKey"])
    session = guarded.client("session", token=assumed["SessionToken"])
    name = unique("by-session")
    assert f":{ONE}:layer:" in publish(session, name)
    refused = refusal(session, "delete_layer_version", LayerName=name, VersionNumber=1)
    assert f"User: arn:aws:sts::{ONE}:assumed-role/deploys/ci is not authorized" in refused[2]
    for token in (None, "another"):
        error = refusal(guarded.client("session", token=token), "list_functions")
        assert error[1] == "UnrecognizedClientException"
    elsewhere = refusal(sts, "assume_role", RoleArn=f"arn:aws:iam::{TWO}:role/deploys", RoleSessionName="ci")
    assert elsewhere[:2] == (403, "AccessDenied")
    update(guarded.accounts, lambda register: register.without(ONE, "leaving"))
    assert refusal(session, "list_functions")[1] == "UnrecognizedClientException"


def test_a_session_outlives_the_server_that_began_it(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    keys = {"one": added(accounts, ONE, "admin")}
    server = Server.start(tmp_path / "state", None, "--accounts", str(accounts))
    try:
        began = Guarded(server, accounts, keys)
        given = began.client("one", "sts").get_session_token()["Credentials"]
    finally:
        server.kill()
    keys["session"] = Credentials(given["AccessKeyId"], given["SecretAccessKey"])
    with Server.started(tmp_path / "state", None, "--accounts", str(accounts)) as again:
        assert publish(Guarded(again, accounts, keys).client("session", token=given["SessionToken"]), unique("after"))


def test_what_another_account_has_beside_lambda_is_not_reached_by_its_name(guarded: Guarded) -> None:
    topic = guarded.client("one", "sns").create_topic(Name=unique("topic"))["TopicArn"]
    refused = refusal(guarded.client("two", "sns"), "publish", TopicArn=topic, Message="hello")
    assert refused[:2] == (403, "AccessDenied")
    assert "perform: sns:Publish on resource: " + topic in refused[2]
    # Nor by a function's destination, nor by its code.
    two, name = guarded.client("two"), unique("sender")
    code = """
import boto3
def handler(event, context):
    try:
        return boto3.client("sns").publish(TopicArn=event, Message="hello")["MessageId"]
    except Exception as error:
        return str(error)
"""
    create_function(two, name, code, Timeout=60, MemorySize=512)
    destination = {"OnFailure": {"Destination": topic}}
    refused = refusal(two, "put_function_event_invoke_config", FunctionName=name, DestinationConfig=destination)
    assert refused[:2] == (400, "InvalidParameterValueException")
    answered = json.loads(two.invoke(FunctionName=name, Payload=json.dumps(topic))["Payload"].read())
    assert "not authorized to perform: sns:Publish" in answered


def test_a_stack_does_what_its_template_says_in_the_account_of_who_made_it(guarded: Guarded) -> None:
    stacks, name = guarded.client("one", "cloudformation"), unique("stack")
    resource = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Group": resource}}))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    found = guarded.client("one", "logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [f":{ONE}:log-group:" in group["arn"] for group in found] == [True]
    assert guarded.client("two", "logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (None, 0, "it has no accounts to tell who may"),
        ('{"format": 1, "accounts": []}', 0o644, "its mode is 0644"),
    ],
)
def test_a_server_that_could_not_tell_who_calls_does_not_start(
    tmp_path: Path, content: str | None, mode: int, told: str
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    if content is not None:
        (state / "accounts.json").write_text(content)
        (state / "accounts.json").chmod(mode)
    command = [*LAMINA, "up", "--host", "0.0.0.0", "--port", "0", "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()
