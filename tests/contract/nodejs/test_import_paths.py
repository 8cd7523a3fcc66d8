"""`import` and `require` of what lies along NODE_PATH, as in layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.node import VERSIONS, invoke

# One package for both kinds of module, which says by which way it came in; beside it one without `exports`.
_PACKAGES = {
    "both/package.json": '{"exports": {"import": "./m.mjs", "require": "./c.cjs"}}',
    "both/m.mjs": "export default 'imported'; export const where = import.meta.url;",
    "both/c.cjs": "module.exports = 'required';",
    "@scope/plain/index.js": "module.exports = 'plain';",
    "@scope/plain/sub.js": "module.exports = 'sub';",
    "needy/index.mjs": "export { default } from 'both';",
    "needy/package.json": '{"main": "index.mjs"}',
}


def _lay(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


IMPORTING = """
    import both, { where } from "both";
    import plain from "@scope/plain";
    import sub from "@scope/plain/sub.js";
    import needy from "needy";
    export const handler = async () => [both, plain, sub, needy];
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_import_finds_packages_of_a_layer(tmp_path: Path, version: str) -> None:
    layer = _lay(tmp_path / "opt/nodejs/node_modules", _PACKAGES)
    path = f"{tmp_path}/none/node_modules:{layer}:/var/runtime:/var/task"
    outcome = invoke(tmp_path, {"index.mjs": IMPORTING}, version=version, NODE_PATH=path)
    assert outcome.values == [["imported", "plain", "sub", "imported"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_require_and_a_later_import_find_them_too(tmp_path: Path, version: str) -> None:
    layer = _lay(tmp_path / "opt/nodejs/node_modules", _PACKAGES)
    code = """
        const both = require("both");
        exports.handler = async () => [both, (await import("both")).default, (await import("needy")).default];
    """
    outcome = invoke(tmp_path, code, version=version, NODE_PATH=str(layer))
    assert outcome.values == [["required", "imported", "imported"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_first_folder_that_has_a_package_wins_and_the_functions_own_before_it(tmp_path: Path, version: str) -> None:
    first = _lay(tmp_path / "opt/nodejs/node1/node_modules", {"a/index.js": "module.exports = 'first';"})
    second = _lay(
        tmp_path / "opt/nodejs/node_modules",
        {"a/index.js": "module.exports = 'second';", "b/index.js": "module.exports = 'second';"},
    )
    code = "import a from 'a'; import b from 'b'; import c from 'c'; export const handler = async () => [a, b, c];"
    files = {"index.mjs": code, "node_modules/c/index.js": "module.exports = 'own';"}
    _lay(second, {"c/index.js": "module.exports = 'second';"})
    outcome = invoke(tmp_path, files, version=version, NODE_PATH=f"{first}:{second}")
    assert outcome.values == [["first", "second", "own"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_folder_by_any_name_serves_as_require_would_use_it(tmp_path: Path, version: str) -> None:
    folder = _lay(tmp_path / "mine", {"one.js": "module.exports = 1;", "two/package.json": '{"main": "x.js"}',
                                      "two/x.js": "module.exports = 2;"})  # fmt: skip
    code = "import one from 'one'; import two from 'two'; export const handler = async () => [one, two];"
    assert invoke(tmp_path, {"index.mjs": code}, version=version, NODE_PATH=str(folder)).values == [[1, 2]]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_package_that_is_nowhere_is_missed_where_it_was_wanted(tmp_path: Path, version: str) -> None:
    layer = _lay(tmp_path / "opt/nodejs/node_modules", _PACKAGES)
    for number, wanted in enumerate(("nowhere", "./nowhere.js", "both/nowhere")):
        outcome = invoke(
            tmp_path / str(number), {"index.mjs": f"import '{wanted}';"}, version=version, NODE_PATH=str(layer)
        )
        message = outcome.only.value["errorMessage"]
        assert outcome.only.kind == "init error"
        assert "nowhere" in message
        assert f"{tmp_path}/{number}/task/index.mjs" in message


@pytest.mark.parametrize("version", VERSIONS)
def test_a_package_that_fails_as_it_loads_says_so_itself(tmp_path: Path, version: str) -> None:
    layer = _lay(tmp_path / "opt/nodejs/node_modules", {"bad/index.js": "throw new RangeError('bad');"})
    outcome = invoke(tmp_path, {"index.mjs": "import 'bad';"}, version=version, NODE_PATH=str(layer))
    assert (outcome.only.value["errorType"], outcome.only.value["errorMessage"]) == ("RangeError", "bad")
