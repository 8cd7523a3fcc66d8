"""The services beside Lambda, on the same endpoint: with the `aws` command and boto3, across restarts and kills."""

from __future__ import annotations

import itertools
import json
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.support import zips
from tests.support.functions import unique, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, ROLE, Server

OTHER = "111122223333"
CODE = b"import own\ndef handler(event, context): return own.VALUE\n"


def children(server: Server) -> set[int]:
    """The processes of companions that *server* has."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"lamina.companions.child" in command and parent == server.process.pid:
            found.add(int(process.name))
    return found


def has_ended(pid: int) -> bool:
    """Whether nothing runs in the process *pid* any more, be it reaped or not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    except (FileNotFoundError, ProcessLookupError):
        return True


def fetched(url: str, **headers: str) -> bytes:
    with build_opener(ProxyHandler({})).open(Request(url, headers=headers), timeout=60) as answer:
        return bytes(answer.read())


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of this module: what they make has names of its own."""
    with Server.started(tmp_path_factory.mktemp("beside") / "state") as server:
        yield server


@pytest.fixture
def bucket(beside: Server) -> str:
    name = unique("bucket")
    beside.client("s3").create_bucket(Bucket=name)
    return name


def test_a_function_is_made_of_what_aws_s3_cp_uploaded(beside: Server, tmp_path: Path) -> None:
    """The JSON of the blog: `Code` names an object, `Layers` an ARN."""
    name, layer = unique("blog"), unique("layer")
    (tmp_path / "code.zip").write_bytes(zips.of({"index.py": CODE}))
    # Large enough for `aws s3 cp` to send it in parts.
    (tmp_path / "layer.zip").write_bytes(zips.of({"python/own.py": b"VALUE = 7\n", "python/pad": os.urandom(9 << 20)}))
    assert beside.aws("mb", f"s3://{name}", service="s3").returncode == 0
    for archive in ("code.zip", "layer.zip"):
        done = beside.aws("cp", str(tmp_path / archive), f"s3://{name}/v1/{archive}", service="s3")
        assert done.returncode == 0, done.stderr
    content = f"S3Bucket={name},S3Key=v1/layer.zip"
    version = beside.aws_json("publish-layer-version", "--layer-name", layer, "--content", content)
    (tmp_path / "function.json").write_text(
        json.dumps(
            {
                "FunctionName": name,
                "Runtime": NEWEST,
                "Role": ROLE,
                "Handler": "index.handler",
                "Code": {"S3Bucket": name, "S3Key": "v1/code.zip"},
                "Layers": [version["LayerVersionArn"]],
            }
        )
    )
    beside.aws_json("create-function", "--cli-input-json", f"file://{tmp_path}/function.json")
    client = beside.client()
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    assert json.loads(client.invoke(FunctionName=name)["Payload"].read()) == 7


def test_an_object_that_is_not_there_is_told_in_s3s_words(beside: Server, bucket: str) -> None:
    with pytest.raises(ClientError, match="S3 Error Code: NoSuchKey") as refused:
        beside.client().publish_layer_version(LayerName=unique(), Content={"S3Bucket": bucket, "S3Key": "missing"})
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_an_object_comes_back_as_it_went_whatever_its_name(beside: Server, bucket: str) -> None:
    s3, key, body = beside.client("s3"), "a b/ü%2F+c", os.urandom(3 << 20)
    s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"own_key": "own value"})
    found = s3.get_object(Bucket=bucket, Key=key)
    assert found["Body"].read() == body
    assert (found["ContentLength"], found["Metadata"]) == (len(body), {"own_key": "own value"})
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
    part = s3.get_object(Bucket=bucket, Key=key, Range="bytes=10-19")
    assert (part["Body"].read(), part["ResponseMetadata"]["HTTPStatusCode"]) == (body[10:20], 206)


def test_an_object_may_be_larger_than_what_lambda_takes_at_once(beside: Server, bucket: str) -> None:
    s3 = beside.client("s3")
    s3.put_object(Bucket=bucket, Key="large", Body=bytes(80 << 20))
    assert s3.head_object(Bucket=bucket, Key="large")["ContentLength"] == 80 << 20
    # Refused by its length, before any of it is sent.
    request = Request(f"{beside.endpoint}/{bucket}/huge", method="PUT", headers={"Content-Length": str(257 << 20)})
    request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, Signature=x")
    with pytest.raises(HTTPError, match="400") as refused:
        build_opener(ProxyHandler({})).open(request, timeout=60)
    with refused.value:
        assert b"<Code>EntityTooLarge</Code>" in refused.value.read()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("style", ["path", "virtual"])
def test_addresses_that_were_signed_beforehand_are_good(beside: Server, bucket: str, version: str, style: str) -> None:
    s3 = beside.client("s3", signature_version=version)
    s3.put_object(Bucket=bucket, Key="k/1", Body=b"content")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k/1"})
    if style == "path":
        assert fetched(url) == b"content"
    else:
        there = beside.endpoint.removeprefix("http://")
        host = f"{bucket}.localhost:{there.rpartition(':')[2]}"
        assert fetched(url.replace(f"{there}/{bucket}", there), Host=host) == b"content"


def test_accounts_are_apart(beside: Server, bucket: str) -> None:
    ours, theirs = (beside.client("ssm", account=account) for account in ("test", OTHER))
    name = f"/{unique()}"
    ours.put_parameter(Name=name, Value="7", Type="String")
    assert ours.get_parameter(Name=name)["Parameter"]["ARN"].split(":")[4] == ACCOUNT
    with pytest.raises(theirs.exceptions.ParameterNotFound):
        theirs.get_parameter(Name=name)
    s3 = beside.client("s3", account=OTHER)
    for name, operation in {"get_object": {"Key": "k"}, "put_object": {"Key": "k"}, "list_objects_v2": {}}.items():
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(s3, name)(Bucket=bucket, **operation)
    assert beside.client("sts", account=OTHER).get_caller_identity()["Account"] == OTHER


@pytest.mark.parametrize("header", ["X-Moto-Account-Id", "X_Moto_Account_Id"])
def test_no_header_opens_another_account(beside: Server, header: str) -> None:
    credential = "Credential=test/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=x"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {credential}",
        "Content-Type": "application/x-www-form-urlencoded",
        header: OTHER,
    }
    question = Request(beside.endpoint, b"Action=GetCallerIdentity&Version=2011-06-15", headers)
    with build_opener(ProxyHandler({})).open(question, timeout=60) as answer:
        assert f"<Account>{ACCOUNT}</Account>" in answer.read().decode()


def test_each_protocol_is_spoken(beside: Server) -> None:
    name = unique("each")
    clients: dict[str, Any] = {each: beside.client(each) for each in ("iam", "sqs", "sns", "events", "ecr")}
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["RoleName"] == name
    policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    clients["iam"].attach_role_policy(RoleName=name, PolicyArn=policy)
    queue = clients["sqs"].create_queue(QueueName=name)["QueueUrl"]
    assert queue.startswith(beside.endpoint)
    clients["sqs"].send_message(QueueUrl=queue, MessageBody="body")
    assert clients["sqs"].receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "body"
    assert clients["sns"].create_topic(Name=name)["TopicArn"].endswith(f":{name}")
    assert clients["events"].put_rule(Name=name, ScheduleExpression="rate(1 day)")["RuleArn"].endswith(name)
    assert clients["ecr"].create_repository(repositoryName=name)["repository"]["repositoryName"] == name


def test_a_destination_may_be_a_queue_beside(beside: Server) -> None:
    name = unique("told")
    sqs, client = beside.client("sqs"), beside.client()
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    code = zips.of({"index.py": b"def handler(event, context): return 'done'\n"})
    client.create_function(
        FunctionName=name, Runtime=NEWEST, Role=ROLE, Handler="index.handler", Code={"ZipFile": code}
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.put_function_event_invoke_config(FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}})
    client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    assert json.loads(message["Body"])["responsePayload"] == "done"


def test_tools_that_poll_are_told_of_them(beside: Server) -> None:
    services = json.loads(fetched(f"{beside.endpoint}/_localstack/health"))["services"]
    assert (services["lambda"], services["s3"], services["iam"]) == ("running", "available", "available")


def test_what_moto_has_not_is_said_to_be_so(beside: Server) -> None:
    with pytest.raises(ClientError, match="moto, which answers for sagemaker, cannot do ListHubs") as refused:
        beside.client("sagemaker").list_hubs()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_what_changed_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    """Identifiers and dates included: an upload that had begun goes on."""
    server = Server.start(tmp_path / "state")
    try:
        assert children(server) == set()
        s3, iam = server.client("s3"), server.client("iam")
        s3.create_bucket(Bucket="kept")
        (child,) = children(server)
        s3.put_object(Bucket="kept", Key="k", Body=b"content")
        s3.put_object(Bucket="kept", Key="large", Body=b"x" * 100_000)
        upload = {
            "Bucket": "kept",
            "Key": "parts",
            "UploadId": s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"],
        }
        tag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
        role = iam.create_role(RoleName="kept", AssumeRolePolicyDocument="{}")["Role"]
        s3.put_object(Bucket="kept", Key="gone", Body=b"")
        s3.delete_object(Bucket="kept", Key="gone")
        before = {each["Key"]: each["LastModified"] for each in s3.list_objects_v2(Bucket="kept")["Contents"]}
        server.kill()
        wait_until(lambda: has_ended(child))
    finally:
        server.kill()
    with Server.started(tmp_path / "state") as server:
        s3, iam = server.client("s3"), server.client("iam")
        after = {each["Key"]: each["LastModified"] for each in s3.list_objects_v2(Bucket="kept")["Contents"]}
        assert after.keys() == before.keys() == {"k", "large"}
        assert max(abs((after[key] - before[key]).total_seconds()) for key in after) <= 1
        assert s3.get_object(Bucket="kept", Key="large")["Body"].read() == b"x" * 100_000
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
        assert s3.get_object(Bucket="kept", Key="parts")["Body"].read() == b"part"
        assert iam.get_role(RoleName="kept")["Role"]["RoleId"] == role["RoleId"]
        # Its process dies, and the next question finds another one with the same in it.
        (child,) = children(server)
        os.kill(child, 9)
        wait_until(lambda: child not in children(server))
        assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"content"


def test_without_them_every_protocol_says_how_to_get_them(tmp_path: Path) -> None:
    with Server.started(tmp_path / "state", {"LAMINA_COMPANIONS": "0"}) as server:
        for service, operation in (("s3", "list_buckets"), ("iam", "list_roles"), ("ssm", "describe_parameters")):
            with pytest.raises(ClientError, match="LAMINA_COMPANIONS is 0") as refused:
                getattr(server.client(service), operation)()
            assert refused.value.response["Error"]["Code"] == "NotImplemented"
        assert children(server) == set()


@pytest.mark.timeout(3600)
@pytest.mark.skipif("LAMINA_KILLS" not in os.environ, reason="a campaign: LAMINA_KILLS=50 kills as often")
def test_no_acknowledged_object_is_lost_whenever_the_server_is_killed(tmp_path: Path) -> None:
    dice, acknowledged = random.Random(), dict[str, str]()

    def put(s3: Any, place: str) -> None:
        for number in itertools.count():
            body = os.urandom(dice.choice((10, 5_000, 200_000)))
            try:
                tag = s3.put_object(Bucket="kills", Key=f"{place}/{number}", Body=body)["ETag"]
            except (BotoCoreError, ClientError):
                return
            acknowledged[f"{place}/{number}"] = tag

    def check(s3: Any) -> None:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="kills")
        there = {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", [])}
        assert acknowledged.items() <= there.items()

    for kill in range(int(os.environ["LAMINA_KILLS"])):
        server = Server.start(tmp_path / "state")
        try:
            s3 = server.client("s3")
            if kill == 0:
                s3.create_bucket(Bucket="kills")
            check(s3)
            writers = [threading.Thread(target=put, args=(s3, f"{kill}-{writer}")) for writer in range(3)]
            for writer in writers:
                writer.start()
            # Not to wait for anything: when it comes is the dice's to say.
            threading.Event().wait(dice.uniform(0.05, 2))
        finally:
            server.kill()
        for writer in writers:
            writer.join()
    with Server.started(tmp_path / "state") as server:
        check(server.client("s3"))
