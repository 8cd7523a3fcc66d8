"""What a file of source code imports, as far as that can be read from it. Pure."""

from __future__ import annotations

import ast
import json
import posixpath
import re
import warnings
from collections.abc import Iterator
from typing import Any, Final

_DOTTED: Final = re.compile(r"\.*[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|\.+[A-Za-z_]\w*")
_QUOTED: Final = re.compile(rb"""(["'`])([^"'`\n]+)\1""")
# In a package.json: what Node.js loads, or runs as a program.
_LOADED: Final = ("main", "module", "exports", "imports", "bin", "browser")


def python_imports(path: str, content: bytes) -> set[str]:
    """The modules that the Python file at *path* imports or names in a string, as paths: "pkg/tests/base".

    Of an entry_points.txt, the modules that it names. Of what is no Python, none: it could not be imported either.
    """
    if path.endswith("/entry_points.txt"):
        return {name.replace(".", "/") for name in _DOTTED.findall(content.decode("utf-8", "replace"))}
    if not path.endswith(".py"):
        return set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    package = path.split("/")[:-1]
    return {"/".join(name) for node in ast.walk(tree) for name in _named(node, package)}


def javascript_imports(path: str, content: bytes) -> set[str]:
    """The files that the JavaScript at *path*, or its package.json, may load: every quoted path, resolved."""
    if path.endswith("/package.json"):
        try:
            manifest = json.loads(content)
        except ValueError:
            return set()
        told = [text for key in _LOADED for text in _texts(manifest.get(key))] if isinstance(manifest, dict) else []
        return {posixpath.normpath(posixpath.join(posixpath.dirname(path), text)) for text in told}
    quoted = {found[2].decode("utf-8", "replace") for found in _QUOTED.finditer(content)}
    folder = posixpath.dirname(path)
    return {posixpath.normpath(posixpath.join(folder, text) if text.startswith(".") else text) for text in quoted}


def _named(node: ast.AST, package: list[str]) -> Iterator[list[str]]:
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) - node.level + 1] if node.level else []
        module = [*base, *(node.module.split(".") if node.module else [])]
        yield module
        yield from ([*module, alias.name] for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
        name = node.value.lstrip(".")
        level = len(node.value) - len(name)
        yield [*(package[: len(package) - level + 1] if level else []), *name.split(".")]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
