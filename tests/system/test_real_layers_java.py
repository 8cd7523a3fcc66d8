"""A Java function whose library is a jar of a layer, as Maven has it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import fetching
from tests.support.functions import create, layer
from tests.support.java import classes
from tests.support.server import Server

_SOURCE = """
package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;
import org.apache.commons.lang3.StringUtils;

public class Capitals implements RequestHandler<Map<String, String>, Map<String, Object>> {
    @Override
    public Map<String, Object> handleRequest(Map<String, String> event, Context context) {
        String name = event.get("name");
        context.getLogger().log("asked for " + name + "\\n");
        if (name == null) {
            throw new IllegalArgumentException("nobody");
        }
        return Map.of(
            "capitalised", StringUtils.capitalize(name),
            "padded", StringUtils.leftPad(name, 8, '*'),
            "from", StringUtils.class.getProtectionDomain().getCodeSource().getLocation().getPath(),
            "request", context.getAwsRequestId(),
            "left", context.getRemainingTimeInMillis() > 1000);
    }
}
"""

pytestmark = [pytest.mark.anybody, pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_jar_of_a_layer_is_a_functions_library(server_with_installed: Server) -> None:
    library = fetching.jar("java")
    code = classes(server_with_installed.state, {"example/Capitals.java": _SOURCE}, libraries=[library])
    packed = layer(server_with_installed, {f"java/lib/{library.name}": library.read_bytes()})
    made: dict[str, Any] = {
        "runtime": "java21",
        "Handler": "example.Capitals::handleRequest",
        "MemorySize": 512,
        "Timeout": 30,
    }
    function = create(server_with_installed, code, Layers=[packed], **made)
    answer = function.call({"name": "über"})
    assert answer.error is None, answer.raw + answer.log.encode()
    assert answer.value == {
        "capitalised": "Über",
        "padded": "****über",
        "from": f"/opt/java/lib/{library.name}",
        "request": answer.request_id,
        "left": True,
    }
    assert "asked for über\n" in answer.log

    failed = function.call({})
    assert failed.error == "Unhandled"
    assert (failed.value["errorType"], failed.value["errorMessage"]) == ("java.lang.IllegalArgumentException", "nobody")

    without = create(server_with_installed, code, **made).call({"name": "x"})
    assert without.error == "Unhandled"
    assert without.value["errorType"] == "java.lang.NoClassDefFoundError"
    assert "org/apache/commons/lang3/StringUtils" in without.value["errorMessage"]
