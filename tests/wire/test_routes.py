"""From request lines to operations."""

from __future__ import annotations

import pytest

from lamina.wire import Api, UnknownOperation

API = Api.load("lambda")


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/2018-10-31/layers", "ListLayers"),
        ("GET", "/2018-10-31/layers?find=LayerVersion&Arn=a", "GetLayerVersionByArn"),
        ("GET", "/2018-10-31/layers?Arn=a&find=LayerVersion", "GetLayerVersionByArn"),
        ("GET", "/2018-10-31/layers?find=Other", "ListLayers"),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1", "GetProvisionedConcurrencyConfig"),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency?List=ALL", "ListProvisionedConcurrencyConfigs"),
        ("GET", "/2019-09-25/functions/f/event-invoke-config", "GetFunctionEventInvokeConfig"),
        ("GET", "/2019-09-25/functions/f/event-invoke-config/list", "ListFunctionEventInvokeConfigs"),
        ("GET", "/2015-03-31/functions", "ListFunctions"),
        # As SDKs older than 2023 send it.
        ("GET", "/2015-03-31/functions/", "ListFunctions"),
        ("POST", "/2015-03-31/functions/", "CreateFunction"),
        ("GET", "/2018-10-31/layers/l/versions/-1", "GetLayerVersion"),
        ("GET", "/2018-10-31/layers/l/versions/0", "GetLayerVersion"),
    ],
)
def test_a_request_line_names_one_operation(method: str, target: str, operation: str) -> None:
    path, _, query = target.partition("?")
    assert API.route(method, path, query).operation == operation


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Alayer%3Al", "arn:aws:lambda:us-east-1:000000000000:layer:l"),
        ("arn:aws:lambda:us-east-1:000000000000:layer:l", "arn:aws:lambda:us-east-1:000000000000:layer:l"),
        ("a%2Fb", "a/b"),
        ("a%2fb%3F%23", "a/b?#"),
        ("a+b", "a+b"),
        ("%E5%AD%97", "字"),
    ],
)
def test_labels_are_decoded_after_the_path_is_split(sent: str, meant: str) -> None:
    route = API.route("GET", f"/2018-10-31/layers/{sent}/versions/7")
    assert (route.operation, route.uri) == ("GetLayerVersion", {"LayerName": meant, "VersionNumber": "7"})


def test_query_parameters_are_decoded_with_all_their_values_in_order() -> None:
    route = API.route("DELETE", "/2017-03-31/tags/r", "tagKeys=a+b&tagKeys=c%2Bd&empty=&bare")
    assert route.query == {"tagKeys": ["a b", "c+d"], "empty": [""], "bare": [""]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31"),
        ("GET", "/2015-03-31/functions/a/b"),
        ("GET", "/2015-03-31/functions/f/configuration/more"),
        ("get", "/2015-03-31/functions"),
        ("GET", "//2015-03-31/functions"),
        ("GET", "/2015-03-31/../2015-03-31/functions"),
    ],
)
def test_what_the_model_does_not_have_is_an_unknown_operation(method: str, path: str) -> None:
    with pytest.raises(UnknownOperation) as caught:
        API.route(method, path)
    assert (caught.value.code, caught.value.status) == ("UnknownOperationException", 404)
