"""The query protocol, both ways, against botocore's own client code: the operations of CloudFormation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, StructureShape
from botocore.parsers import QueryParser
from botocore.serialize import QuerySerializer
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lamina.wire import Api, UnknownOperation, WireError
from tests.wire.shapes import members

API = Api.load("cloudformation")
MODEL = ServiceModel(Loader().load_service_model("cloudformation", "service-2"), "cloudformation")
# Those that are offered use every kind of member there is in all of them.
_OFFERED = (
    "CreateChangeSet CreateStack DeleteStack DescribeChangeSet DescribeStackEvents DescribeStacks DescribeStackResource"
    " GetTemplateSummary ListChangeSets ListExports ListStackResources ListStacks UpdateStack"
)
OPERATIONS = [MODEL.operation_model(name) for name in _OFFERED.split()]

_THOROUGH = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)

# Control characters, of which XML 1.0 has no way to write any but these three.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _named(operation: OperationModel) -> str:
    return str(operation.name)


def _body(text: str) -> Callable[[], bytes]:
    return text.encode


@pytest.mark.parametrize("operation", OPERATIONS, ids=_named)
def test_what_the_client_sends_parses_to_what_it_was_given(operation: OperationModel) -> None:
    shape = operation.input_shape

    @_THOROUGH
    @given(members(shape) if isinstance(shape, StructureShape) else st.just({}))
    def holds(params: dict[str, Any]) -> None:
        # An empty list in a list, say, cannot be told from none.
        assume(_without_nothing(params) == params)
        request = QuerySerializer().serialize_to_request(params, operation)
        prepare_request_dict(request, "http://127.0.0.1:4566")
        sent = create_request_object(request).prepare()
        body = sent.body if isinstance(sent.body, bytes) else sent.body.encode()
        route = API.route("POST", "/", "", {}, lambda: body)
        assert route.operation == operation.name
        assert API.parse(route, {}, body) == params

    holds()


@pytest.mark.parametrize("operation", OPERATIONS, ids=_named)
def test_what_we_print_the_client_reads_back(operation: OperationModel) -> None:
    shape = operation.output_shape

    @_THOROUGH
    @given(members(shape) if isinstance(shape, StructureShape) else st.just({}))
    def holds(output: dict[str, Any]) -> None:
        answer = API.serialise(operation.name, output, "the-id")
        raw = {"status_code": answer.status, "headers": HeadersDict(dict(answer.headers)), "body": answer.body}
        parsed = QueryParser().parse(raw | {"context": {}}, shape)
        assert parsed.pop("ResponseMetadata")["RequestId"] == "the-id"
        assert _without_nothing(parsed) == _without_nothing(output)

    holds()


def test_an_error_reads_back() -> None:
    answer = API.serialise_error("ValidationError", 400, "Stack <x> & y", None, {}, "the-id")
    raw = {"status_code": answer.status, "headers": HeadersDict(dict(answer.headers)), "body": answer.body}
    parsed = QueryParser().parse(raw | {"context": {}}, None)
    assert parsed["Error"] == {"Code": "ValidationError", "Message": "Stack <x> & y", "Type": "Sender"}


def test_a_request_by_get_is_one_too() -> None:
    route = API.route("GET", "/", "Action=DescribeStacks&StackName=a%20b", {})
    assert (route.operation, API.parse(route, {}, b"")) == ("DescribeStacks", {"StackName": "a b"})


def test_elements_come_in_the_order_of_their_numbers() -> None:
    arns = "NotificationARNs.member"
    body = f"Action=CreateStack&StackName=s&{arns}.10=b&{arns}.2=a&{arns}.x=c"
    route = API.route("POST", "/", "", {}, _body(body))
    assert API.parse(route, {}, b"")["NotificationARNs"] == ["a", "b"]


@pytest.mark.parametrize("body", ["", "Action=", "Action=Nothing", "StackName=x"])
def test_what_names_no_operation_is_refused(body: str) -> None:
    with pytest.raises(UnknownOperation):
        API.route("POST", "/", "", {}, _body(body))


def test_a_body_that_is_no_form_is_refused() -> None:
    with pytest.raises(WireError, match="no form"):
        API.route("POST", "/", "", {}, _body("Action=Ü"))


def test_what_breaks_the_model_is_a_validation_error() -> None:
    route = API.route("POST", "/", "", {}, _body("Action=CreateStack"))
    with pytest.raises(WireError) as caught:
        API.parse(route, {}, b"")
    assert caught.value.code == "ValidationError"


def _without_nothing(value: Any) -> Any:
    """*value* without what leaves no trace on the wire, or the same one: empty lists, maps and structures."""
    if isinstance(value, dict):
        kept = {key: _without_nothing(held) for key, held in value.items()}
        return {key: held for key, held in kept.items() if held not in ({}, [])}
    if isinstance(value, list):
        return [held for held in map(_without_nothing, value) if held not in ({}, [])]
    return _UNWRITABLE.sub("\ufffd", value) if isinstance(value, str) else value
