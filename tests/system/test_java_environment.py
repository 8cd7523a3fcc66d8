"""Functions of Java, on Amazon's own client: handlers of every kind, jars of layers, and how functions end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import functions, installs, java, logs, zips
from tests.support.functions import Function
from tests.support.server import Server

RUNTIME = "java21"

SOURCES = {
    "demo/Greeting.java": """
        package demo;
        public class Greeting { public static String of(String name) { return "function: " + name; } }
    """,
    "demo/Order.java": """
        package demo;
        import java.util.List;
        public class Order {
            private String id; private int count; private List<String> tags;
            public String getId() { return id; } public void setId(String value) { id = value; }
            public int getCount() { return count; } public void setCount(int value) { count = value; }
            public List<String> getTags() { return tags; } public void setTags(List<String> value) { tags = value; }
        }
    """,
    "demo/Handlers.java": """
        package demo;
        import com.amazonaws.services.lambda.runtime.*;
        import java.util.*;
        public class Handlers {
            private int calls = 0;
            public int count() { return ++calls; }
            public static String shout(String text) { return text.toUpperCase(); }
            public Integer add(List<Integer> numbers) { return numbers.stream().mapToInt(n -> n).sum(); }
            public Order twice(Order order) { order.setCount(2 * order.getCount()); return order; }
            public void nothing(Map<String, Object> event) {}
            public Map<String, Object> context(Map<String, Object> event, Context context) {
                Map<String, Object> told = new TreeMap<>();
                told.put("function_name", context.getFunctionName());
                told.put("function_version", context.getFunctionVersion());
                told.put("invoked_function_arn", context.getInvokedFunctionArn());
                told.put("memory_limit_in_mb", context.getMemoryLimitInMB());
                told.put("aws_request_id", context.getAwsRequestId());
                told.put("log_group_name", context.getLogGroupName());
                told.put("remaining_time", context.getRemainingTimeInMillis());
                return told;
            }
            public String choose(String text) { return "without a context"; }
            public String choose(String text, Context context) { return "with a context"; }
            public String log(String text, Context context) {
                context.getLogger().log("logged " + text + "\\n");
                System.out.println("printed " + text);
                return text;
            }
            public String greet(String name) { return Greeting.of(name); }
            public Map<String, String> inside(Map<String, Object> event) {
                Map<String, String> told = new TreeMap<>(System.getenv());
                told.put("java.version", System.getProperty("java.version"));
                told.put("user.dir", System.getProperty("user.dir"));
                told.put("java.home", System.getProperty("java.home"));
                told.put("heap", String.valueOf(Runtime.getRuntime().maxMemory()));
                return told;
            }
            public String fail(String text) {
                throw new IllegalStateException("no " + text, new RuntimeException("the reason"));
            }
            public String exit(Integer code) { System.exit(code); return ""; }
            public String sleep(Integer ms) throws Exception { Thread.sleep(ms); return "slept"; }
            public Integer fill(Integer mb) {
                List<byte[]> kept = new ArrayList<>();
                for (int i = 0; i < mb; i++) kept.add(new byte[1 << 20]);
                return kept.size();
            }
        }
    """,
    "demo/Interface.java": """
        package demo;
        import com.amazonaws.services.lambda.runtime.*;
        import java.util.Map;
        public class Interface implements RequestHandler<Map<String, Integer>, Integer> {
            public Integer handleRequest(Map<String, Integer> event, Context context) { return event.get("n") + 1; }
        }
    """,
    "demo/Streams.java": """
        package demo;
        import com.amazonaws.services.lambda.runtime.*;
        import java.io.*;
        public class Streams implements RequestStreamHandler {
            public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
                out.write(("{\\"bytes\\":" + in.readAllBytes().length + "}").getBytes());
            }
        }
    """,
    "demo/Broken.java": """
        package demo;
        public class Broken {
            static { if (true) throw new IllegalArgumentException("cannot begin"); }
            public String handle(String text) { return text; }
        }
    """,
    "demo/UsesLayer.java": """
        package demo;
        public class UsesLayer { public String handle(String name) { return library.Library.hello(name); } }
    """,
    "library/Library.java": """
        package library;
        public class Library { public static String hello(String name) { return "hello " + name + " from a layer"; } }
    """,
}
OTHER_GREETING = {
    "demo/Greeting.java": """
        package demo;
        public class Greeting { public static String of(String name) { return "layer: " + name; } }
    """,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    state = tmp_path_factory.mktemp("java") / "state"
    installs.install(state, RUNTIME)
    with Server.started(state) as server:
        yield server


@pytest.fixture(scope="module")
def compiled(server: Server) -> dict[str, bytes]:
    return java.classes(server.state, SOURCES, RUNTIME)


@pytest.fixture(scope="module")
def code(compiled: dict[str, bytes]) -> bytes:
    """The function's archive: every class but the library's."""
    return zips.of({path: data for path, data in compiled.items() if not path.startswith("library/")})


def _create(server: Server, code: bytes | Mapping[str, bytes], handler: str, **configuration: Any) -> Function:
    archive = code if isinstance(code, bytes) else zips.of(dict(code))
    settings = {"MemorySize": 512, "Timeout": 20} | configuration
    return functions.create(server, archive, runtime=RUNTIME, Handler=handler, **settings)


@pytest.mark.parametrize(
    ("handler", "event", "result"),
    [
        ("demo.Handlers::shout", "quiet", "QUIET"),
        ("demo.Handlers::add", [1, 2, 39], 42),
        ("demo.Handlers::nothing", {"a": 1}, None),
        ("demo.Handlers::choose", "x", "with a context"),
        (
            "demo.Handlers::twice",
            {"id": "é", "count": 21, "tags": ["a", "b"]},
            {"id": "é", "count": 42, "tags": ["a", "b"]},
        ),
        ("demo.Interface::handleRequest", {"n": 41}, 42),
        # Of a class that is a handler the method need not be named.
        ("demo.Interface", {"n": 41}, 42),
        ("demo.Streams", {"a": "bc"}, {"bytes": 11}),
        ("demo.Streams::handleRequest", {"a": "bc"}, {"bytes": 11}),
    ],
)
def test_a_handler_may_be_a_method_a_handlers_class_or_a_stream(
    server: Server, code: bytes, handler: str, event: Any, result: Any
) -> None:
    assert _create(server, code, handler).value(event) == result


def test_the_object_lives_as_long_as_its_environment(server: Server, code: bytes) -> None:
    function = _create(server, code, "demo.Handlers::count")
    assert [function.value(None) for _ in range(3)] == [1, 2, 3]


def test_the_context_says_what_is_invoked(server: Server, code: bytes) -> None:
    function = _create(server, code, "demo.Handlers::context")
    answer = function.call({})
    told = answer.value
    assert 0 < told.pop("remaining_time") <= 20_000
    assert told == {
        "function_name": function.name,
        "function_version": "$LATEST",
        "invoked_function_arn": f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}",
        "memory_limit_in_mb": 512,
        "aws_request_id": answer.request_id,
        "log_group_name": f"/aws/lambda/{function.name}",
    }


def test_what_is_logged_and_printed_is_in_the_functions_log(server: Server, code: bytes) -> None:
    log = _create(server, code, "demo.Handlers::log").call("this").log
    assert "logged this\n" in log
    assert "printed this\n" in log


def test_a_message_that_is_logged_is_one_event_whatever_lines_it_has(server: Server, code: bytes) -> None:
    function = _create(server, code, "demo.Handlers::log")
    function.value("first\n\tsecond")
    functions.wait_until(
        lambda: "logged first\n\tsecond" in [line.rstrip() for line in logs.logged(server.state, function.name)]
    )


def test_messages_become_objects_where_the_log_is_json(server: Server, code: bytes) -> None:
    function = _create(server, code, "demo.Handlers::log", LoggingConfig={"LogFormat": "JSON"})
    answer = function.call("this")
    objects = [json.loads(line) for line in answer.log.splitlines() if line.startswith("{")]
    (logged,) = [told for told in objects if str(told.get("message", "")).startswith("logged")]
    assert logged["AWSRequestId"] == answer.request_id
    assert {told["type"] for told in objects if "type" in told} >= {"platform.start", "platform.report"}


def test_java_is_where_aws_has_it_with_most_of_the_memory_for_its_heap(server: Server, code: bytes) -> None:
    told = _create(server, code, "demo.Handlers::inside").value({})
    assert told["java.version"].startswith("21.")
    assert told["java.home"] == "/var/lang"
    assert told["user.dir"] == "/var/task"
    assert told["AWS_EXECUTION_ENV"] == "AWS_Lambda_java21"
    assert "CLASSPATH" not in told
    assert 0.8 * 512 < int(told["heap"]) / (1 << 20) < 0.86 * 512


def test_a_java_that_was_installed_starts_with_the_archive_of_its_classes(server: Server, code: bytes) -> None:
    # With -Xshare:on a JVM whose archive is missing, or was made for another place, does not start.
    variables = {"Environment": {"Variables": {"JAVA_TOOL_OPTIONS": "-Xshare:on"}}}
    assert _create(server, code, "demo.Handlers::shout", **variables).value("a") == "A"


def test_a_library_may_come_from_a_jar_of_a_layer(server: Server, compiled: dict[str, bytes], code: bytes) -> None:
    library = java.jar({path: data for path, data in compiled.items() if path.startswith("library/")})
    layer = functions.layer(server, {"java/lib/library.jar": library})
    assert _create(server, code, "demo.UsesLayer::handle", Layers=[layer]).value("you") == "hello you from a layer"


def test_a_library_may_come_with_the_function_in_lib(server: Server, compiled: dict[str, bytes], code: bytes) -> None:
    files = {path: data for path, data in compiled.items() if not path.startswith("library/")}
    files["lib/library.jar"] = java.jar({path: data for path, data in compiled.items() if path.startswith("library/")})
    assert _create(server, files, "demo.UsesLayer::handle").value("you") == "hello you from a layer"


def test_class_files_of_a_layer_are_not_found(server: Server, compiled: dict[str, bytes], code: bytes) -> None:
    # As on AWS: what a layer is to add must be in a jar.
    layer = functions.layer(server, {f"java/lib/{path}": data for path, data in compiled.items() if "Library" in path})
    answer = _create(server, code, "demo.UsesLayer::handle", Layers=[layer]).call("you")
    assert answer.value["errorType"] == "java.lang.NoClassDefFoundError"
    assert answer.value["errorMessage"] == "library/Library"


def test_a_functions_own_class_comes_before_a_layers(server: Server, code: bytes) -> None:
    other = java.jar(java.classes(server.state, OTHER_GREETING, RUNTIME))
    layer = functions.layer(server, {"java/lib/other.jar": other})
    assert _create(server, code, "demo.Handlers::greet", Layers=[layer]).value("x") == "function: x"


def test_an_exception_is_answered_with_its_class_its_text_and_where_it_was_thrown(server: Server, code: bytes) -> None:
    function = _create(server, code, "demo.Handlers::fail")
    answer = function.call("luck")
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "java.lang.IllegalStateException"
    assert answer.value["errorMessage"] == "no luck"
    assert answer.value["stackTrace"][0].startswith("demo.Handlers.fail(")
    # Amazon's client logs it once it has answered; it belongs to this call all the same.
    assert answer.log.index("no luck: java.lang.IllegalStateException\n") < answer.log.index("END RequestId")


@pytest.mark.parametrize(
    ("handler", "error", "says"),
    [
        ("demo.Nowhere::handle", "java.lang.ClassNotFoundException", "Class not found: demo.Nowhere"),
        # Amazon's client gives this one no type.
        ("demo.Handlers::nowhere", None, "No public method named nowhere with appropriate method signature"),
        ("demo.Broken::handle", "java.lang.ExceptionInInitializerError", ""),
        ("demo.UsesLayer::handle", "java.lang.NoClassDefFoundError", "library/Library"),
    ],
)
def test_a_handler_that_cannot_be_had_fails_with_javas_own_error(
    server: Server, code: bytes, handler: str, error: str | None, says: str
) -> None:
    answer = _create(server, code, handler).call("x")
    assert answer.error == "Unhandled"
    assert answer.value.get("errorType") == error
    assert says in answer.raw.decode()


def test_an_event_that_does_not_fit_the_handler_is_an_error_of_the_function(server: Server, code: bytes) -> None:
    answer = _create(server, code, "demo.Handlers::add").call({"not": "a list"})
    assert answer.error == "Unhandled"
    assert "An error occurred during JSON parsing" in answer.value["errorMessage"]


def test_a_function_that_exits_ends_its_environment_and_the_next_call_gets_another(server: Server, code: bytes) -> None:
    function = _create(server, code, "demo.Handlers::exit")
    for status in (3, 7):
        answer = function.call(status)
        assert answer.value["errorType"] == "Runtime.ExitError"
        assert answer.value["errorMessage"].endswith(f"Runtime exited with error: exit status {status}")


def test_a_function_that_takes_too_long_times_out(server: Server, code: bytes) -> None:
    answer = _create(server, code, "demo.Handlers::sleep", Timeout=2).call(60_000)
    assert answer.value["errorType"] == "Sandbox.Timedout"
    assert answer.value["errorMessage"].endswith("Task timed out after 2.00 seconds")


def test_a_heap_that_is_full_is_javas_error_and_not_the_kernels(server: Server, code: bytes) -> None:
    answer = _create(server, code, "demo.Handlers::fill", MemorySize=256).call(1000)
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "java.lang.OutOfMemoryError"
    assert "Java heap space" in answer.value["errorMessage"]


def test_a_wrapper_of_a_layer_starts_java(server: Server, code: bytes) -> None:
    script = b'#!/bin/bash\nexport WRAPPED="$1"\nexec "$@"\n'
    layer = functions.layer(server, zips.archive(zips.Item("wrap", script, mode=0o100755)))
    function = _create(
        server,
        code,
        "demo.Handlers::inside",
        Layers=[layer],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}},
    )
    assert function.value({})["WRAPPED"] == "/var/lang/bin/java"


def test_a_running_server_says_what_to_install_and_finds_it_without_a_restart(tmp_path: Path, code: bytes) -> None:
    with Server.started(tmp_path / "state") as server:
        function = _create(server, code, "demo.Handlers::shout")
        with pytest.raises(ClientError, match=f"lamina runtimes install {RUNTIME}"):
            function.call("a")
        installs.install(server.state, RUNTIME)
        assert function.value("a") == "A"
