"""Every operation of the model with inputs at the edges of every constraint: a success or a modelled error, soon.

Two ways: one after the other, each value just inside and just outside what one member allows, on a request that is
fine otherwise; and, with hypothesis, several members at once. Hypothesis is given the same seed in every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.support.edges import edges, fine, placed
from tests.support.functions import archive, unique
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, ROLE, Server

MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")
OPERATIONS = [MODEL.operation_model(name) for name in MODEL.operation_names]

# Longer than any answer takes, shorter than anybody waits.
ANSWER_S = 20
# What AWS answers besides the errors of its model.
UNMODELLED = {
    "AccessDeniedException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ValidationException",
}
MODELLED = {shape.name for shape in MODEL.error_shapes} | UNMODELLED
_SEVERAL_AT_ONCE = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client that checks nothing, of a server whose updates are done when they are answered."""
    environ = {"LAMBDA_SYNCHRONOUS_CREATE": "1"}
    with Server.started(tmp_path_factory.mktemp("fuzzed") / "state", environ) as server:
        yield server.client(parameter_validation=False, read_timeout=ANSWER_S)


@pytest.fixture
def plain(client: Any) -> Iterator[Mapping[str, Any]]:
    """Values that are fine, by the names of members: of a function with a version and an alias, and of a layer."""
    name, layer = unique("fuzz"), unique("fuzz-layer")
    code = archive("def handler(event, context): return event")
    basics = {"Runtime": NEWEST, "Handler": "index.handler", "Role": ROLE}
    client.create_function(FunctionName=name, Code={"ZipFile": code}, Publish=True, **basics)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    arn = client.publish_layer_version(LayerName=layer, Content={"ZipFile": code})["LayerVersionArn"]
    yield {
        **basics,
        "FunctionName": name,
        "Name": "live",
        "FunctionVersion": "1",
        "Qualifier": "live",
        "LayerName": layer,
        "VersionNumber": 1,
        "Arn": arn,
        "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "Code": {"ZipFile": code},
        "Content": {"ZipFile": code},
        "ZipFile": code,
        "Principal": "123456789012",
        "Action": "lambda:GetLayerVersion",
        "StatementId": "statement",
        "Payload": b"{}",
        "InvokeArgs": b"{}",
        "Tags": {"key": "value"},
        "TagKeys": ["key"],
    }
    _answer(client, "DeleteFunction", {"FunctionName": name})


def _answer(client: Any, operation: str, request: Mapping[str, Any]) -> None:
    """Hold the answer to *request* to what an answer may be."""
    try:
        output = client._make_api_call(operation, request)
    except ClientError as error:
        told = error.response
        status, code = told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"]
        assert status < 500, (operation, request, told)
        assert code in MODELLED, (operation, request, told)
    except (ParamValidationError, UnicodeError):
        # botocore has no way to send it.
        return
    else:
        for streamed in ("Payload", "EventStream"):
            if streamed in output:
                output[streamed].close()


def _request(operation: OperationModel, plain: Mapping[str, Any]) -> dict[str, Any]:
    if operation.input_shape is None:
        return {}
    made: dict[str, Any] = fine(operation.input_shape, plain)
    if operation.name == "CreateFunction":
        made |= {"Runtime": plain["Runtime"], "Handler": plain["Handler"], "FunctionName": unique("fuzz")}
    return made


def _named(operation: OperationModel) -> str:
    return str(operation.name)


@pytest.mark.parametrize("operation", OPERATIONS, ids=_named)
def test_the_edges_of_every_constraint_are_answered(
    client: Any, plain: Mapping[str, Any], operation: OperationModel
) -> None:
    made = _request(operation, plain)
    found = list(edges(operation, plain))
    for path, value in found:
        _answer(client, operation.name, placed(made, path, value))

    @seed(1)
    @_SEVERAL_AT_ONCE
    @given(st.lists(st.integers(0, len(found) - 1), min_size=2, max_size=6))
    def several_at_once(chosen: list[int]) -> None:
        request: Mapping[str, Any] = made
        for index in chosen:
            request = placed(request, *found[index])
        _answer(client, operation.name, request)

    if found:
        several_at_once()
