"""Where the Node.js client finds a handler, and what it says when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.node import VERSIONS, invoke
from tests.support.runtime_clients import Outcome

COMMON = "exports.handler = async () => __filename.split('/').slice(-2).join('/');"
MODULE = "export const handler = async () => import.meta.url.split('/').slice(-2).join('/');"
NESTED = COMMON.replace("exports.handler", "exports.api = {}; exports.api.get")
NOT_VALID = "is not a valid handler name. Use absolute paths when specifying root directories in handler names."
PACKAGE = '{"type": "module"}'


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("files", "handler", "loaded"),
    [
        ({"index.js": COMMON}, "index.handler", "task/index.js"),
        ({"index.cjs": COMMON}, "index.handler", "task/index.cjs"),
        ({"index.mjs": MODULE}, "index.handler", "task/index.mjs"),
        ({"index.js": MODULE, "package.json": PACKAGE}, "index.handler", "task/index.js"),
        ({"a/index.js": MODULE, "package.json": PACKAGE}, "a/index.handler", "a/index.js"),
        ({"a/index.js": COMMON, "a/package.json": "{}", "package.json": PACKAGE}, "a/index.handler", "a/index.js"),
        ({"index.js": COMMON, "index.mjs": MODULE}, "index.handler", "task/index.js"),
        ({"index.mjs": MODULE, "index.cjs": COMMON}, "index.handler", "task/index.mjs"),
        ({"a/b/c.js": COMMON}, "a/b/c.handler", "b/c.js"),
        ({"node_modules/lib/index.js": COMMON}, "lib.handler", "lib/index.js"),
        ({"index.js": NESTED}, "index.api.get", "task/index.js"),
    ],
    ids=str,
)  # fmt: skip
def test_a_handler_is_found(tmp_path: Path, files: dict[str, str], handler: str, loaded: str, version: str) -> None:
    assert invoke(tmp_path, files, version=version, handler=handler).values == [loaded]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_module_may_await_as_it_loads(tmp_path: Path, version: str) -> None:
    code = "const value = await new Promise((done) => setTimeout(done, 5, 'there'));"
    code += "export const handler = async () => value;"
    assert invoke(tmp_path, {"index.mjs": code}, version=version).values == ["there"]


def test_from_24_on_a_file_may_turn_out_to_be_a_module(tmp_path: Path) -> None:
    awaiting = "export const handler = async () => value; const value = await 'there';"
    assert invoke(tmp_path / "1", MODULE, version="24").values == ["task/index.js"]
    assert invoke(tmp_path / "2", awaiting, version="24").values == ["there"]


def test_before_24_a_file_is_what_its_name_says(tmp_path: Path) -> None:
    outcome = invoke(tmp_path, MODULE, version="22")
    assert outcome.only.kind == "init error"
    assert outcome.only.value["errorType"] == "Runtime.UserCodeSyntaxError"
    assert outcome.only.value["errorMessage"] == "SyntaxError: Unexpected token 'export'"


def test_from_24_on_a_default_export_may_hold_the_handler(tmp_path: Path) -> None:
    files = {"index.mjs": "export default { handler: async () => 'default' };"}
    assert invoke(tmp_path / "1", files, version="24").values == ["default"]
    assert failed(invoke(tmp_path / "2", files, version="22")) == "Runtime.HandlerNotFound"


def failed(outcome: Outcome) -> str:
    """The type of an initialisation's failure, told in the body and in the header alike."""
    assert outcome.only.kind == "init error"
    error_type: str = outcome.only.value["errorType"]
    assert outcome.only.headers["lambda-runtime-function-error-type"] == error_type
    assert outcome.status in (129, 1)
    return error_type


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("index.missing", "Runtime.HandlerNotFound", "index.missing is undefined or not exported"),
        ("index.a.b.c", "Runtime.HandlerNotFound", "index.a.b.c is undefined or not exported"),
        ("index.number", "Runtime.HandlerNotFound", "index.number is not a function"),
        ("index", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "../index.handler",
            "Runtime.MalformedHandlerName",
            f"'../index.handler' {NOT_VALID}",
        ),
    ],
)
def test_a_handler_that_is_not_there_is_refused(
    tmp_path: Path, handler: str, error_type: str, message: str, version: str
) -> None:
    outcome = invoke(tmp_path, "exports.number = 1;", version=version, handler=handler)
    assert failed(outcome) == error_type
    assert outcome.only.value["errorMessage"] == message
    assert outcome.only.value["trace"][0] == f"{error_type}: {message}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_file_and_a_missing_package_are_told_with_who_wanted_them(tmp_path: Path, version: str) -> None:
    outcome = invoke(tmp_path / "1", "", handler="other.handler", version=version)
    assert failed(outcome) == "Runtime.ImportModuleError"
    assert outcome.only.value["errorMessage"] == (
        "Error: Cannot find module 'other'\nRequire stack:\n- /var/runtime/index.mjs"
    )
    outcome = invoke(tmp_path / "2", "require('lodash');", version=version)
    assert failed(outcome) == "Runtime.ImportModuleError"
    assert outcome.only.value["errorMessage"] == (
        f"Error: Cannot find module 'lodash'\nRequire stack:\n- {tmp_path}/2/task/index.js"
        + ("" if version == "24" else "\n- /var/runtime/index.mjs")
    )
    # An ES module's failure is not translated.
    outcome = invoke(tmp_path / "3", {"index.mjs": "import 'lodash';"}, version=version)
    assert failed(outcome) == "Error"
    assert outcome.only.value["errorMessage"] == (
        f"Cannot find package 'lodash' imported from {tmp_path}/3/task/index.mjs"
    )
    assert '"code":"ERR_MODULE_NOT_FOUND"' in outcome.log


@pytest.mark.parametrize("version", VERSIONS)
def test_code_that_is_no_javascript_or_throws_as_it_loads_fails_the_start(tmp_path: Path, version: str) -> None:
    syntax = invoke(tmp_path / "1", "exports.handler = (", version=version)
    assert failed(syntax) == "Runtime.UserCodeSyntaxError"
    assert syntax.only.value["errorMessage"] == "SyntaxError: Unexpected end of input"
    thrown = invoke(tmp_path / "2", "throw new RangeError('too far');", version=version)
    assert failed(thrown) == "RangeError"
    assert thrown.only.value["errorMessage"] == "too far"
    assert thrown.only.value["trace"][1].strip().startswith("at Object.<anonymous> (/")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_module_that_awaits_what_never_comes_fails_the_start(tmp_path: Path, version: str) -> None:
    outcome = invoke(tmp_path, {"index.mjs": "await new Promise(() => {});"}, version=version)
    assert outcome.only.kind == "init error"
    assert outcome.only.value["errorType"] == "Runtime.NodeJsExit"
    assert outcome.status == 13


@pytest.mark.parametrize("version", VERSIONS)
def test_tools_that_watch_require_can_wrap_a_handler(tmp_path: Path, version: str) -> None:
    # As OpenTelemetry does, from a layer, by a variable.
    hook = tmp_path / "hook.cjs"
    hook.write_text(
        """
        const { prototype } = require("node:module");
        const plain = prototype.require;
        prototype.require = function (name) {
            const loaded = plain.call(this, name);
            return name.endsWith("/index.js") ? { handler: async () => ["wrapped", await loaded.handler()] } : loaded;
        };
        """
    )
    outcome = invoke(tmp_path, COMMON, version=version, NODE_OPTIONS=f"--require {hook}")
    assert outcome.values == [["wrapped", "task/index.js"]]
