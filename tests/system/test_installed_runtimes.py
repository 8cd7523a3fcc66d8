"""Runtimes of the state folder: a function names one, is told how to get it, gets it, and needs no restart."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.functions import create, layer
from tests.support.installs import install
from tests.support.server import Server

NODE = {"index.mjs": b"export const handler = async event => [process.version, process.execPath, event];"}


def test_a_runtime_is_there_as_soon_as_it_is_installed(server: Server) -> None:
    function = create(server, NODE, runtime="nodejs24.x")
    with pytest.raises(ClientError, match=r"`lamina runtimes install nodejs24\.x`") as caught:
        function.call()
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    install(server.state, "nodejs24.x")
    version, executable, event = function.value(1)
    assert version.startswith("v24.")
    assert (executable, event) == ("/var/lang/bin/node", 1)


def test_the_sdk_that_was_installed_comes_after_a_layers(server_with_installed: Server) -> None:
    code = {
        "index.mjs": b"""
            import * as s3 from "@aws-sdk/client-s3";
            export const handler = async () => s3.origin ?? typeof s3.S3Client;
        """
    }
    function = create(server_with_installed, code, runtime="nodejs24.x")
    assert function.value() == "function"
    package = "nodejs/node_modules/@aws-sdk/client-s3"
    bring = layer(
        server_with_installed,
        {f"{package}/package.json": b'{"main": "index.js"}', f"{package}/index.js": b'exports.origin = "layer";'},
    )
    function.update(Layers=[bring])
    assert function.value() == "layer"


def test_the_sdk_that_was_installed_talks_to_lamina_from_inside(server_with_installed: Server) -> None:
    code = {
        "index.js": b"""
            const { LambdaClient, GetFunctionCommand } = require("@aws-sdk/client-lambda");
            exports.handler = async name =>
                (await new LambdaClient().send(new GetFunctionCommand({ FunctionName: name }))).Configuration.Runtime;
        """
    }
    function = create(server_with_installed, code, runtime="nodejs24.x")
    assert function.value(function.name) == "nodejs24.x"
