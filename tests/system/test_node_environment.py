"""What a Node.js function finds around it and what becomes of its answers, on the whole server, as AWS does it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import node, zips
from tests.support.functions import Function, create, layer
from tests.support.server import Server

RUNTIMES = tuple(f"nodejs{version}.x" for version in node.VERSIONS)
FOREVER = "await new Promise((done) => setTimeout(done, 60000));"
ALL = pytest.mark.parametrize("runtime", RUNTIMES)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in whose state every Node.js runtime lies as `lamina runtimes install` would have put it there."""
    state = tmp_path_factory.mktemp("node") / "state"
    for version in node.VERSIONS:
        node.install(state, version)
    with Server.started(state) as server:
        yield server


def _files(code: str | dict[str, str]) -> dict[str, bytes]:
    files = {"index.js": code} if isinstance(code, str) else code
    return {name: textwrap.dedent(text).encode() for name, text in files.items()}


def _function(server: Server, runtime: str, code: str | dict[str, str], **configuration: Any) -> Function:
    return create(server, _files(code), runtime=runtime, **configuration)


@ALL
def test_it_runs_in_the_place_and_with_the_options_of_aws(server: Server, runtime: str) -> None:
    code = """
        exports.handler = async () => ({
            argv: process.argv, options: process.execArgv, cwd: process.cwd(), version: process.versions.node,
            uid: process.getuid(), gc: typeof gc, exec: process.execPath,
            files: require("fs").readdirSync("/var/runtime"),
        });
    """
    seen = _function(server, runtime, code, MemorySize=200).value()
    assert seen["argv"] == ["/var/lang/bin/node", "/var/runtime/index.mjs"]
    assert seen["exec"] == "/var/lang/bin/node"
    assert seen["options"][:4] == ["--expose-gc", "--max-http-header-size", "81920", "--max-semi-space-size=10"]
    assert seen["options"][4] == "--max-old-space-size=180"
    assert seen["gc"] == "function"
    assert seen["cwd"] == "/var/task"
    assert f"nodejs{seen['version'].split('.')[0]}.x" == runtime
    assert seen["uid"] != 0
    assert {"index.mjs", "node_modules"} <= set(seen["files"])


@ALL
def test_packages_of_layers_and_of_the_runtime_are_found_in_awss_order(server: Server, runtime: str) -> None:
    version = runtime.removeprefix("nodejs").removesuffix(".x")
    arn = layer(
        server,
        {
            f"nodejs/node{version}/node_modules/versioned/index.js": b"module.exports = __filename;",
            f"nodejs/node{version}/node_modules/both/index.js": b"module.exports = __filename;",
            "nodejs/node_modules/both/index.js": b"module.exports = __filename;",
            "nodejs/node_modules/common/index.js": b"module.exports = __filename;",
            "nodejs/node_modules/esm/package.json": b'{"type": "module", "exports": "./m.js"}',
            "nodejs/node_modules/esm/m.js": b"export default import.meta.url;",
        },
    )
    found = [
        f"/opt/nodejs/node{version}/node_modules/versioned/index.js",
        f"/opt/nodejs/node{version}/node_modules/both/index.js",
        "/opt/nodejs/node_modules/common/index.js",
        "/var/runtime/node_modules/@aws-sdk/stands-in/index.js",
    ]
    required = """
        const found = ["versioned", "both", "common", "@aws-sdk/stands-in"].map((name) => require(name));
        exports.handler = async () => [...found, (await import("esm")).default];
    """
    function = _function(server, runtime, required, Layers=[arn])
    assert function.value() == [*found, "file:///opt/nodejs/node_modules/esm/m.js"]
    imported = """
        import versioned from "versioned";
        import both from "both";
        import common from "common";
        import sdk from "@aws-sdk/stands-in";
        import esm from "esm";
        export const handler = async () => [versioned, both, common, sdk, esm];
    """
    function.update_code(_files({"index.mjs": imported}))
    assert function.value() == [*found, "file:///opt/nodejs/node_modules/esm/m.js"]


@ALL
def test_a_folder_of_a_layer_may_hold_the_handler(server: Server, runtime: str) -> None:
    arn = layer(server, {"nodejs/node_modules/wrapping/index.js": b"exports.handler = async () => __filename;"})
    function = _function(server, runtime, "", Layers=[arn], Handler="/opt/nodejs/node_modules/wrapping/index.handler")
    assert function.value() == "/opt/nodejs/node_modules/wrapping/index.js"


@ALL
def test_a_wrapper_starts_the_runtime_with_options_of_its_own(server: Server, runtime: str) -> None:
    script = b"""#!/bin/bash
args=("$@")
extra=(--require /opt/first.cjs)
exec "${args[@]:0:$#-1}" "${extra[@]}" "${args[@]: -1}"
"""
    arn = layer(
        server,
        zips.archive(
            zips.Item("wrap", script, mode=0o100755),
            zips.Item("first.cjs", b"process.env.FIRST = 'ran'; console.log('first');"),
        ),
    )
    function = _function(
        server,
        runtime,
        "exports.handler = async () => process.env.FIRST;",
        Layers=[arn],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}},
    )
    assert function.value() == "ran"


@ALL
def test_node_options_load_a_layers_module_first(server: Server, runtime: str) -> None:
    arn = layer(server, {"nodejs/node_modules/first/index.js": b"globalThis.FIRST = 'ran';"})
    variables = {"Variables": {"NODE_OPTIONS": "--require first"}}
    code = "exports.handler = async () => FIRST;"
    assert _function(server, runtime, code, Layers=[arn], Environment=variables).value() == "ran"


@ALL
@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("exports.handler = async () => { throw new RangeError('r'); };", "RangeError", "r"),
        ("exports.other = 1;", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        (
            "require('nowhere');",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nowhere'\nRequire stack:\n- /var/task/index.js",
        ),
        ("exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
        ("throw new TypeError('as it loads');", "TypeError", "as it loads"),
        (
            f"exports.handler = async () => {{ Promise.reject(new Error('u')); {FOREVER} }};",
            "Runtime.UnhandledPromiseRejection",
            "Error: u",
        ),
        (
            f"exports.handler = async () => {{ setTimeout(() => {{ throw new RangeError('u'); }}); {FOREVER} }};",
            "RangeError",
            "u",
        ),
    ],
    ids=["thrown", "no handler", "no module", "no JavaScript", "as it loads", "rejection", "exception"],
)
def test_an_error_reaches_the_caller(server: Server, runtime: str, code: str, error_type: str, message: str) -> None:
    answer = _function(server, runtime, code).call()
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == error_type
    # Before 24 AWS's client is among those who required what is missing.
    assert answer.value["errorMessage"].removesuffix("\n- /var/runtime/index.mjs") == message
    assert message in "\n".join(answer.value["trace"])


@ALL
@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("process.exit(0)", "Runtime exited without providing a reason"),
        ("process.exit(3)", "Runtime exited with error: exit status 3"),
        ("process.kill(process.pid, 'SIGKILL')", "Runtime exited with error: signal: killed"),
    ],
)
def test_an_exit_is_reported_and_the_next_event_finds_a_new_process(
    server: Server, runtime: str, how: str, what: str
) -> None:
    code = f"let n = 0; exports.handler = async (end) => {{ n += 1; if (end) {{ {how}; }} return n; }};"
    function = _function(server, runtime, code)
    assert function.value(False) == 1
    answer = function.call(True)
    assert answer.value == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: {what}",
    }
    assert function.value(False) == 1


@ALL
def test_a_timeout_ends_it(server: Server, runtime: str) -> None:
    code = "exports.handler = async (ms) => new Promise((done) => setTimeout(done, ms, ms));"
    function = _function(server, runtime, code, Timeout=1)
    answer = function.call(60_000)
    assert answer.value["errorType"] == "Sandbox.Timedout"
    assert answer.value["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert function.value(1) == 1


@ALL
def test_the_log_has_lines_as_on_aws(server: Server, runtime: str) -> None:
    code = "exports.handler = async () => { console.log('one\\ntwo'); console.error('three'); };"
    answer = _function(server, runtime, code).call()
    one, two, three = answer.log.splitlines()[1:4]
    assert one.split("\t")[1:] == [answer.request_id, "INFO", "one"]
    assert two == "two"
    assert three.split("\t")[1:] == [answer.request_id, "ERROR", "three"]


@ALL
def test_the_log_in_json_is_json_and_keeps_to_its_level(server: Server, runtime: str) -> None:
    code = """
        exports.handler = async () => {
            console.debug("low");
            console.warn("m", { a: 1 });
            console.error(new Error("e"));
        };
    """
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "WARN"}
    answer = _function(server, runtime, code, LoggingConfig=logging).call()
    warned, failed = (json.loads(line) for line in answer.log.splitlines())
    assert (warned["level"], warned["message"], warned["requestId"]) == ("WARN", "m { a: 1 }", answer.request_id)
    assert (failed["level"], failed["message"]["errorMessage"]) == ("ERROR", "e")


@pytest.mark.parametrize("version", node.WITH_CALLBACKS)
def test_a_callback_waits_for_the_event_loop_unless_told_otherwise(server: Server, version: str) -> None:
    code = """
        exports.handler = (waits, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = waits;
            let rang = false;
            setTimeout(() => { rang = true; }, 50);
            callback(null, { toJSON: () => rang });
        };
    """
    function = _function(server, f"nodejs{version}.x", code)
    assert function.value(True) is True
    assert function.value(False) is False


def test_from_24_on_a_callback_is_refused(server: Server) -> None:
    answer = _function(
        server, "nodejs24.x", "exports.handler = (event, context, callback) => callback(null, 1);"
    ).call()
    assert answer.value["errorType"] == "Runtime.CallbackHandlerDeprecated"


@ALL
def test_an_answer_that_is_too_large_is_refused_and_the_process_goes_on(server: Server, runtime: str) -> None:
    function = _function(server, runtime, "let n = 0; exports.handler = async (size) => size ? 'x'.repeat(size) : ++n;")
    assert function.value(0) == 1
    answer = function.call(7 * 1024 * 1024)
    assert answer.value["errorType"] == "Function.ResponseSizeTooLarge"
    assert function.value(0) == 2
    assert len(function.value(5 * 1024 * 1024)) == 5 * 1024 * 1024


@ALL
def test_a_streaming_handler_answers_an_ordinary_call_with_all_of_it(server: Server, runtime: str) -> None:
    code = """
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            stream.setContentType("application/json");
            stream.write('{"pieces":');
            stream.end("2}");
        });
    """
    function = _function(server, runtime, code)
    assert function.value() == {"pieces": 2}
    assert function.value() == {"pieces": 2}


@ALL
def test_a_streaming_handler_answers_in_pieces(server: Server, runtime: str) -> None:
    code = """
        exports.handler = awslambda.streamifyResponse(async (fails, stream) => {
            stream.write("one ");
            await new Promise((done) => setTimeout(done, 20));
            stream.write("two");
            await new Promise((done) => setTimeout(done, 20));
            if (fails) throw new RangeError("on the way");
            stream.end();
        });
    """
    function = _function(server, runtime, code)
    for fails in (True, False):
        answer = function.client.invoke_with_response_stream(FunctionName=function.name, Payload=json.dumps(fails))
        *pieces, complete = answer["EventStream"]
        assert b"".join(piece["PayloadChunk"]["Payload"] for piece in pieces) == b"one two"
        ended = complete["InvokeComplete"]
        assert ("RangeError" in ended["ErrorDetails"]) if fails else (ended == {})


@ALL
def test_a_stream_that_breaks_off_fails_and_the_next_event_is_answered(server: Server, runtime: str) -> None:
    code = """
        exports.handler = awslambda.streamifyResponse(async (breaks, stream) => {
            stream.write('"some');
            await new Promise((done) => setTimeout(done, 20));
            if (breaks) { stream.destroy(); throw new Error("broken"); }
            stream.end('"');
        });
    """
    function = _function(server, runtime, code)
    assert function.call(True).error == "Unhandled"
    assert function.value(False) == "some"


@pytest.mark.parametrize("version", node.WITH_CALLBACKS)
def test_before_24_an_es_module_can_be_required_only_by_request(server: Server, version: str) -> None:
    files = {"index.js": "exports.handler = async () => require('./m.mjs').default;", "m.mjs": "export default 'm';"}
    function = _function(server, f"nodejs{version}.x", files)
    assert function.call().value["errorMessage"].startswith("require() of ES Module /var/task/m.mjs")
    function.update(Environment={"Variables": {"NODE_OPTIONS": "--experimental-require-module"}})
    assert function.value() == "m"


@ALL
def test_a_process_that_was_started_ahead_is_like_any_other(server: Server, runtime: str) -> None:
    code = """
        const fs = require("fs");
        exports.handler = async () => ({
            variables: process.env, names: Object.keys(process.env), argv: process.argv, options: process.execArgv,
            title: process.title, cwd: process.cwd(), folder: __dirname, where: process.env.WHERE,
            paths: module.paths, globals: require("module").globalPaths,
            order: fs.existsSync("/proc/self/fd/64"),
            limits: fs.readFileSync("/proc/self/limits", "utf8"),
            status: fs.readFileSync("/proc/self/status", "utf8").split("\\n").filter((line) =>
                /^(Cap|NoNewPrivs|Seccomp|Groups|Umask|SigIgn|SigBlk)/.test(line)),
        });
    """
    function = _function(server, runtime, code, Environment={"Variables": {"WHERE": "here"}})
    function.value()
    function.update(Description="an environment of its own, from what stood ready for the one before")
    ahead = function.value()
    # Read by the dynamic linker: a process that has started already is of no use.
    function.update(Environment={"Variables": {"WHERE": "here", "LD_BIND_NOW": "1"}})
    late = function.value()
    assert late["variables"].pop("LD_BIND_NOW") == "1"
    late["names"].remove("LD_BIND_NOW")
    for seen in (ahead, late):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME"):
            assert seen["variables"].pop(name)
        seen["variables"].pop("_X_AMZN_TRACE_ID", None)
        seen["names"].sort()
        seen["names"] = [name for name in seen["names"] if name != "_X_AMZN_TRACE_ID"]
    assert ahead == late
    assert ahead["where"] == "here"
