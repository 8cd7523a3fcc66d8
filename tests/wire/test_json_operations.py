"""The json protocol, both ways, against botocore's own client code: every operation of CloudWatch Logs."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, StructureShape
from botocore.parsers import JSONParser
from botocore.serialize import JSONSerializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.wire import Api, UnknownOperation
from tests.wire.shapes import members

API = Api.load("logs")
MODEL = ServiceModel(Loader().load_service_model("logs", "service-2"), "logs")
OPERATIONS = [MODEL.operation_model(name) for name in MODEL.operation_names]
# Not those that answer with a stream, nor one whose output is a union, of which the strategies make several at once.
ANSWERED = [one for one in OPERATIONS if not one.has_event_stream_output and one.name != "GetIntegration"]

_THOROUGH = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def _named(operation: OperationModel) -> str:
    return str(operation.name)


@pytest.mark.parametrize("operation", OPERATIONS, ids=_named)
def test_what_the_client_sends_parses_to_what_it_was_given(operation: OperationModel) -> None:
    shape = operation.input_shape

    @_THOROUGH
    @given(members(shape) if isinstance(shape, StructureShape) else st.just({}))
    def holds(params: dict[str, Any]) -> None:
        request = JSONSerializer().serialize_to_request(params, operation)
        prepare_request_dict(request, "http://127.0.0.1:4566")
        sent = create_request_object(request).prepare()
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in sent.headers.items()
        }
        route = API.route(sent.method, "/", "", headers)
        assert route.operation == operation.name
        assert API.parse(route, headers, sent.body or b"") == params

    holds()


@pytest.mark.parametrize("operation", ANSWERED, ids=_named)
def test_what_we_print_the_client_reads_back(operation: OperationModel) -> None:
    shape = operation.output_shape

    @_THOROUGH
    @given(members(shape) if isinstance(shape, StructureShape) else st.just({}))
    def holds(output: dict[str, Any]) -> None:
        answer = API.serialise(operation.name, output, "the-id")
        raw = {"status_code": answer.status, "headers": HeadersDict(dict(answer.headers)), "body": answer.body}
        parsed = JSONParser().parse(raw | {"context": {}}, shape)
        assert parsed.pop("ResponseMetadata")["RequestId"] == "the-id"
        assert parsed == output

    holds()


@pytest.mark.parametrize("code", sorted(shape.name for shape in MODEL.error_shapes))
def test_every_error_of_the_model_reads_back(code: str) -> None:
    answer = API.serialise_error(code, 400, "the message", None, {}, "the-id")
    raw = {"status_code": answer.status, "headers": HeadersDict(dict(answer.headers)), "body": answer.body}
    parsed = JSONParser().parse(raw | {"context": {}}, None)
    assert parsed["Error"] == {"Code": code, "Message": "the message"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=_named)
def test_an_operation_that_is_not_built_has_an_error_to_say_so(operation: OperationModel) -> None:
    modelled = {shape.name for shape in operation.error_shapes}
    # These two name no error of the kind at all.
    assert API.refusal_code(operation.name) in modelled or operation.name in ("ListTagsLogGroup", "UntagLogGroup")


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/", "Logs_20140328.Nothing"),
        ("POST", "/", "Logs_20140328."),
        ("POST", "/", "PutLogEvents"),
        ("POST", "/", "Other.PutLogEvents"),
        ("POST", "/", ""),
        ("GET", "/", "Logs_20140328.PutLogEvents"),
        ("POST", "/x", "Logs_20140328.PutLogEvents"),
    ],
)
def test_what_names_no_operation_is_unknown(method: str, path: str, target: str) -> None:
    with pytest.raises(UnknownOperation):
        API.route(method, path, "", {"x-amz-target": target})
