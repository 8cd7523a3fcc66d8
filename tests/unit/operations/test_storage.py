"""An account's room for archives: CodeStorageExceededException beyond it, and nothing recorded."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.catalog.sql_totals import count
from lamina.errors import ApiError
from lamina.layers.sizes import STORED_BYTES_MAX

from .house import CODE, House


def fill(house: House, left: int) -> None:
    """Leave an account room for *left* bytes."""
    with house.catalog.writing() as transaction:
        stored = transaction.totals.of(house.scope).code_bytes
        connection: Any = transaction._connection  # type: ignore[attr-defined]  # no operation stores 80 GB in a test
        count(connection, house.scope, code_bytes=STORED_BYTES_MAX - stored - left)


def refused(house: House, operation: str, **request: Any) -> None:
    with pytest.raises(ApiError) as caught:
        house.call(operation, **request)
    assert (caught.value.code, caught.value.status) == ("CodeStorageExceededException", 400)
    assert caught.value.message == "Code storage limit exceeded."


def test_18_a_function_or_layer_that_does_not_fit_is_refused_and_one_that_just_fits_is_not(house: House) -> None:
    fill(house, len(CODE) - 1)
    basics = {"FunctionName": "f", "Runtime": "python3.12", "Handler": "h", "Role": "r", "Code": {"ZipFile": CODE}}
    refused(house, "CreateFunction", **basics)
    refused(house, "PublishLayerVersion", LayerName="l", Content={"ZipFile": CODE})
    assert house.call("ListFunctions")["Functions"] == house.call("ListLayers")["Layers"] == []
    assert list(house.blobs.digests()) == []
    fill(house, len(CODE))
    house.function("f")


def test_18_replaced_code_counts_the_difference_and_a_published_version_all_of_it(house: House) -> None:
    house.function("f")
    fill(house, 0)
    house.call("UpdateFunctionCode", FunctionName="f", ZipFile=CODE)
    house.settle()
    refused(house, "PublishVersion", FunctionName="f")
    assert len(house.call("ListVersionsByFunction", FunctionName="f")["Versions"]) == 1
